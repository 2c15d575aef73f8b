import * as elf from "../elf/constants.ts";
import { ElfFile, hex, readU64, type Segment, writeU64 } from "../elf/file.ts";
import { pageUp } from "../elf/pages.ts";
import { LinkError } from "./error.ts";
import { endOf, HIGHEST_ADDRESS } from "./layout.ts";
import type { Payload } from "./payload.ts";

/** Bytes of a payload's length, which precedes it. */
const LENGTH_SIZE = 8;

/** The largest page: zeros pad a segment to a whole one. Bytes. */
const HIGHEST_PAGE = 0x1_0000;

/** More than everything that the linker adds, bytes. */
const ROOM = 0x1000_0000;

/** A payload with another place in the output than in the program. */
export type Moved = {
  readonly flags: number;
  /** Its length, followed by the payload. */
  readonly bytes: Uint8Array;
  /** The program's word that holds the address of these bytes. */
  readonly pointer: number;
};

/**
 * Tables of unwinding information count in 32 bits, so code and additions have to lie within 2 GiB. A payload may have
 * up to 4 GiB, and lies between them. This takes out one that reaches above `highest`, to be placed after everything
 * else: the program finds it by an address in its data. Changes `file`.
 * @throws LinkError when that is not possible.
 */
export function withoutLargePayload(
  file: ElfFile,
  payload: Payload,
): { readonly file: ElfFile; readonly moved: Moved | undefined } {
  if (payload.kind !== "loaded" || file.end <= HIGHEST_ADDRESS - ROOM) {
    endOf(file);
    return { file, moved: undefined };
  }
  const start = payload.bytes.byteOffset - file.bytes.byteOffset - LENGTH_SIZE;
  const index = file.segments.findIndex(
    ({ type, offset, filesz }) => type === elf.PT_LOAD && start >= offset && start < offset + filesz,
  );
  const home = file.segments[index];
  if (home === undefined) throw new Error(`${file.name}: the payload is in no segment`);
  const end = start + LENGTH_SIZE + payload.bytes.length;
  const behind = file.bytes.subarray(end, home.offset + home.filesz);
  if (behind.length >= HIGHEST_PAGE || behind.some((byte) => byte !== 0))
    throw new LinkError(`${file.name}: its program is larger than 2 GiB, and not the last of its segment`);
  const address = home.vaddr + start - home.offset;
  const pointer = onlyWord(file, address);
  const header = readU64(file.view, 32) + index * elf.PHDR_SIZE;
  // A segment that holds only the payload becomes PT_NULL.
  if (address === home.vaddr) file.view.setUint32(header, elf.PT_NULL, true);
  else for (const field of [32, 40]) writeU64(file.view, header + field, address - home.vaddr);
  const rest = new ElfFile(file.name, file.bytes);
  endOf(rest);
  return {
    file: rest,
    moved: {
      flags: home.flags,
      pointer,
      bytes: file.bytes.subarray(start, start + LENGTH_SIZE + payload.bytes.length),
    },
  };
}

/**
 * The address of the only word in the program's data with this value. @throws LinkError unless there is exactly one.
 */
function onlyWord(file: ElfFile, value: number): number {
  const low = value % 2 ** 32;
  const found: number[] = [];
  for (const { vaddr, offset, filesz, flags } of file.segmentsOf(elf.PT_LOAD)) {
    if ((flags & elf.PF_W) === 0) continue;
    const end = Math.min(filesz, value - vaddr);
    for (let at = -vaddr & 7; at + 8 <= end; at += 8)
      if (file.view.getUint32(offset + at, true) === low && readU64(file.view, offset + at) === value)
        found.push(vaddr + at);
  }
  const [pointer, another] = found;
  if (pointer === undefined || another !== undefined)
    throw new LinkError(
      `${file.name}: its program reaches above 2 GiB, and ${found.length} words have its address ` +
        `${hex(value)}, not one; make the program smaller, or compile it with another Bun`,
    );
  return pointer;
}

/** The segment of a moved payload, in whole pages from `address` on; also tells the program its place. */
export function placePayload(
  { flags, bytes, pointer }: Moved,
  file: ElfFile,
  address: number,
  pageSize: number,
): Pick<Segment, "vaddr" | "flags"> & { readonly size: number; readonly bytes: Uint8Array } {
  writeU64(file.view, file.offsetOf(pointer, 8), address);
  return { vaddr: address, flags, size: pageUp(bytes.length, pageSize), bytes };
}
