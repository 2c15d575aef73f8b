import { frame, HUES, WIDTH } from "../support/svg.ts";
import { ORIGINS, type Origin, type PauseMap } from "./map.ts";
import { bytesByOrigin } from "./markdown.ts";

const ORDER = Object.keys(ORIGINS) as Origin[];
/** The number of bytes that a square represents. */
const SQUARE = 128;
const PER_ROW = 32;
const LEFT = 12;
const CELL = (WIDTH - 2 * LEFT) / PER_ROW;
const LINE = 18;

/** Each file from its first byte on, with a row for each page that shows how many of its bytes have which origin. */
export function picture(maps: readonly PauseMap[]): string {
  let y = 44;
  const parts = maps.flatMap((map) => {
    const size = map.file.bytes.toLocaleString("en-US");
    const title = `<text x="${LEFT}" y="${y}">${map.architecture}: ${size} bytes</text>`;
    const top = y + 10;
    const squares = Array.from({ length: Math.ceil(map.file.bytes / SQUARE) }, (_, index) =>
      originAt(map, index * SQUARE),
    );
    const cells = squares.map((origin, index) => {
      const [x, row] = [LEFT + (index % PER_ROW) * CELL + 1, top + Math.floor(index / PER_ROW) * CELL + 1];
      const fill = origin === undefined ? NOTHING : hueOf(origin);
      const said = origin === undefined ? "nothing" : ORIGINS[origin];
      return (
        `<rect x="${x}" y="${row}" width="${CELL - 2}" height="${CELL - 2}" ` +
        `fill="${fill}"><title>${said}</title></rect>`
      );
    });
    const legendAt = top + Math.ceil(squares.length / PER_ROW) * CELL + LINE;
    const legend = bytesByOrigin(map).map(([origin, bytes], index) => {
      const at = legendAt + index * LINE;
      const words = `${ORIGINS[origin]}: ${bytes.toLocaleString("en-US")} bytes`;
      return (
        `<rect x="${LEFT}" y="${at - 10}" width="12" height="12" fill="${hueOf(origin)}"/><text ` +
        `x="${LEFT + 20}" y="${at}">${words}</text>`
      );
    });
    y = legendAt + legend.length * LINE + LINE;
    return [title, ...cells, ...legend];
  });
  return frame("What the shipped file is made of, a square for each 128 bytes", y, parts);
}

/** The origin of the byte at `offset` of the file; undefined if there is none. */
const originAt = ({ parts }: PauseMap, offset: number): Origin | undefined =>
  parts.find((part) => part.offset !== null && offset >= part.offset && offset < part.offset + part.size)?.origin;

/** Complements the hues of src/support/svg.ts. */
const NOTHING = "#ffffff";
const hueOf = (origin: Origin) => HUES[ORDER.indexOf(origin)] ?? "#c8ccd0";
