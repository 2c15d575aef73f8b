import { frame, HUES, WIDTH } from "../support/svg.ts";
import { ORIGINS, type Origin, type PauseMap } from "./map.ts";
import { bytesByOrigin } from "./markdown.ts";

const ORDER = Object.keys(ORIGINS) as Origin[];
const PER_ROW = 32;
const LEFT = 12;
const CELL = (WIDTH - 2 * LEFT) / PER_ROW;
const LINE = 18;

/** Each file page by page, from its first byte on, and how many bytes of it come from where. */
export function picture(maps: readonly PauseMap[]): string {
  let y = 44;
  const parts = maps.flatMap((map) => {
    const title = `<text x="${LEFT}" y="${y}">${map.architecture}: ${map.file.bytes.toLocaleString("en-US")} bytes</text>`;
    const top = y + 10;
    const cells = map.pages.map(
      ({ origin }, index) =>
        `<rect x="${LEFT + (index % PER_ROW) * CELL + 1}" y="${top + Math.floor(index / PER_ROW) * CELL + 1}" width="${CELL - 2}" height="${CELL - 2}" fill="${hueOf(origin)}"><title>${ORIGINS[origin]}</title></rect>`,
    );
    const legendAt = top + Math.ceil(map.pages.length / PER_ROW) * CELL + LINE;
    const legend = bytesByOrigin(map).map(([origin, bytes], index) => {
      const at = legendAt + index * LINE;
      return `<rect x="${LEFT}" y="${at - 10}" width="12" height="12" fill="${hueOf(origin)}"/><text x="${LEFT + 20}" y="${at}">${ORIGINS[origin]}: ${bytes.toLocaleString("en-US")} bytes</text>`;
    });
    y = legendAt + legend.length * LINE + LINE;
    return [title, ...cells, ...legend];
  });
  return frame("What the shipped file is made of, a square for each page of 4,096 bytes", y, parts);
}

/** Those behind the last hue of the house. */
const MORE_HUES: Partial<Record<Origin, string>> = { stack: "#d9a62e", filling: "#c8ccd0" };
const hueOf = (origin: Origin) => MORE_HUES[origin] ?? HUES[ORDER.indexOf(origin)] ?? "";
