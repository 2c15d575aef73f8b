import * as elf from "../elf/constants.ts";

/** A file of the bundled program that begins as an ELF file does: its place in the payload, in bytes. */
export type EmbeddedFile = { readonly at: number; readonly length: number; readonly name: string | undefined };

const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46, elf.ELFCLASS64, elf.ELFDATA2LSB]);
const NAME_START = "/$bunfs/";
const LONGEST_NAME = 4096;
/** How many to look at where Bun's table of modules tells of none of them. */
const MOST_NAMELESS = 64;

/**
 * The files in `payload` that may be addons, in order, none within another: reading each to its end is reading the
 * payload once at most. Bun's table of modules says where they are. If it has none of the places that look like an ELF
 * file, which a later Bun's may not, the first of these are returned, without a name and to the end of the payload.
 */
export function embeddedFiles(payload: Uint8Array): readonly EmbeddedFile[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const places = new Set<number>();
  for (let at = bytes.indexOf(MAGIC); at >= 0; at = bytes.indexOf(MAGIC, at + 1)) places.add(at);
  const listed = places.size === 0 ? [] : modulesAt(bytes, places);
  if (listed.length === 0)
    return [...places].slice(0, MOST_NAMELESS).map((at) => ({ at, length: bytes.length - at, name: undefined }));
  let end = 0;
  return listed
    .toSorted((one, other) => one.at - other.at)
    .filter(({ at, length }) => {
      if (at < end) return false;
      end = at + length;
      return true;
    });
}

/**
 * The rows of Bun's table of modules whose contents are at one of `places`. A row has the offset and length of the
 * module's name and then of its contents, in words of 4 bytes. The table itself may begin at any byte.
 */
function modulesAt(bytes: Buffer, places: ReadonlySet<number>): EmbeddedFile[] {
  const found: EmbeddedFile[] = [];
  for (let row = 8; row + 8 <= bytes.length; row++) {
    const at = word(bytes, row);
    if (!places.has(at)) continue;
    const [start, size, length] = [word(bytes, row - 8), word(bytes, row - 4), word(bytes, row + 4)];
    if (size > LONGEST_NAME || start + size > bytes.length || at + length > bytes.length) continue;
    const name = bytes.toString("utf8", start, start + size);
    if (name.startsWith(NAME_START)) found.push({ at, length, name: name.slice(`${NAME_START}root/`.length) });
  }
  return found;
}

/** Quicker than readUInt32LE, which checks its range each time. */
const word = (bytes: Buffer, at: number): number =>
  ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
