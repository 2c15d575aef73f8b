import * as elf from "../elf/constants.ts";
import { type ElfFile, readU64 } from "../elf/file.ts";

/**
 * The bundled program inside a Bun executable. Bun to 1.3.11 appends it to the ELF image and finds it at the end of
 * /proc/self/exe; later ones keep it in the section `.bun`, which is loaded. `none`: a bare runtime, which is the command `bun`.
 */
export type Payload = { readonly kind: "appended" | "section" | "none"; readonly bytes: Uint8Array };

/** What ends an appended payload, before 8 bytes with the size of the whole file. */
const TRAILER = new TextEncoder().encode("\n---- Bun! ----\n");

const SHDR_SIZE = 64;

export function findPayload(file: ElfFile): Payload {
  const appended = appendedPayload(file);
  if (appended !== undefined) return { kind: "appended", bytes: appended };
  // The section holds its own length, 8 bytes, and then the payload.
  const section = sectionBytes(file, ".bun");
  const size = section === undefined || section.length < 8 ? 0 : readU64(viewOf(section), 0);
  if (section === undefined || size === 0 || size > section.length - 8)
    return { kind: "none", bytes: new Uint8Array(0) };
  return { kind: "section", bytes: section.subarray(8, 8 + size) };
}

/** The bytes behind everything that the ELF headers describe, if they are a payload; its last 8 are the size of the file. */
function appendedPayload({ bytes, segments, view }: ElfFile): Uint8Array | undefined {
  const trailerAt = bytes.length - 8 - TRAILER.length;
  if (trailerAt < elf.EHDR_SIZE || !TRAILER.every((byte, index) => bytes[trailerAt + index] === byte)) return undefined;
  const sectionHeadersEnd = readU64(view, 40) + view.getUint16(60, true) * SHDR_SIZE;
  const end = Math.max(sectionHeadersEnd, ...segments.map(({ offset, filesz }) => offset + filesz));
  return end < trailerAt ? bytes.subarray(end) : undefined;
}

/** The bytes of the section `name`; undefined where the section headers (gABI chapter 4) do not name it, or lead outside the file. */
function sectionBytes({ bytes, view }: ElfFile, name: string): Uint8Array | undefined {
  const [table, count, names] = [readU64(view, 40), view.getUint16(60, true), view.getUint16(62, true)];
  if (table === 0 || table + count * SHDR_SIZE > bytes.length || names >= count) return undefined;
  const header = (index: number) => table + index * SHDR_SIZE;
  const namesAt = readU64(view, header(names) + 24);
  const wanted = new TextEncoder().encode(`${name}\0`);
  for (let index = 0; index < count; index++) {
    const at = namesAt + view.getUint32(header(index), true);
    if (!wanted.every((byte, position) => bytes[at + position] === byte)) continue;
    const [offset, size] = [readU64(view, header(index) + 24), readU64(view, header(index) + 32)];
    return offset + size <= bytes.length ? bytes.subarray(offset, offset + size) : undefined;
  }
  return undefined;
}

/** The payload to append to an output of `size` bytes in all: as it was, but for the size. */
export function appendedTo(size: number, payload: Uint8Array): Uint8Array {
  const copy = new Uint8Array(payload);
  viewOf(copy).setBigUint64(copy.length - 8, BigInt(size), true);
  return copy;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
