import * as elf from "../elf/constants.ts";
import { type ElfFile, readU64, type Segment } from "../elf/file.ts";

/**
 * The bundled program inside a Bun executable. Bun up to 1.3.11 appends it to the ELF image and finds it at the end of
 * /proc/self/exe; later ones keep it in a loaded segment. `none`: a bare runtime, which is the command `bun`.
 */
export type Payload = { readonly kind: "appended" | "loaded" | "none"; readonly bytes: Uint8Array };

/** The end of a payload. An appended one is followed by 8 bytes with the size of the whole file. */
const TRAILER = Buffer.from("\n---- Bun! ----\n");

export function findPayload(file: ElfFile): Payload {
  const appended = appendedPayload(file);
  if (appended !== undefined) return { kind: "appended", bytes: appended };
  const loaded = file.segmentsOf(elf.PT_LOAD).map((segment) => loadedPayload(file, segment));
  const bytes = loaded.find((found) => found !== undefined);
  return bytes === undefined ? { kind: "none", bytes: new Uint8Array(0) } : { kind: "loaded", bytes };
}

/**
 * The bytes after everything that the ELF headers describe, if they are a payload. Its last 8 are the size of the file.
 */
function appendedPayload({ bytes, segments, view }: ElfFile): Uint8Array | undefined {
  const trailerAt = bytes.length - 8 - TRAILER.length;
  if (trailerAt < elf.EHDR_SIZE || !TRAILER.equals(bytes.subarray(trailerAt, trailerAt + TRAILER.length)))
    return undefined;
  const sectionHeadersEnd = readU64(view, 40) + view.getUint16(60, true) * elf.SHDR_SIZE;
  const end = Math.max(sectionHeadersEnd, ...segments.map(({ offset, filesz }) => offset + filesz));
  return end < trailerAt ? bytes.subarray(end) : undefined;
}

/**
 * A payload in a segment follows its 8-byte length. That identifies it; the section headers (`.bun`) do not matter,
 * since the program itself ignores them.
 */
function loadedPayload({ bytes }: ElfFile, { flags, offset, filesz }: Segment): Uint8Array | undefined {
  if ((flags & elf.PF_X) !== 0) return undefined;
  const segment = Buffer.from(bytes.buffer, bytes.byteOffset + offset, filesz);
  const trailerAt = segment.lastIndexOf(TRAILER);
  if (trailerAt < 0) return undefined;
  const end = trailerAt + TRAILER.length;
  const start = lengthPrefix(segment, end);
  return start === undefined ? undefined : bytes.subarray(offset + start, offset + end);
}

/** The start of the bytes that end at `end` and follow their length, at a multiple of 8 bytes; undefined if none do. */
function lengthPrefix(segment: Buffer, end: number): number | undefined {
  for (let start = 8; start < end; start += 8)
    if (segment.readUInt32LE(start - 8) === end - start && segment.readUInt32LE(start - 4) === 0) return start;
  return undefined;
}

/** The payload to append to an output of `size` bytes in all; only its copy of the size changes. */
export function appendedTo(size: number, payload: Uint8Array): Uint8Array {
  const copy = new Uint8Array(payload);
  new DataView(copy.buffer).setBigUint64(copy.length - 8, BigInt(size), true);
  return copy;
}
