import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { type ElfFile, hex, type Segment } from "../elf/file.ts";
import { pageDown, pageUp } from "../elf/pages.ts";
import { LinkError } from "./error.ts";
import type { Library } from "./libraries.ts";

/** Far above programs of fixed address without a large payload, and above libraries from 0. Bytes. */
export const HIGHEST_ADDRESS = 0x8000_0000;

/** None of the three libraries takes a tenth of this in memory. Bytes. */
const MOST_LIBRARY = 0x400_0000;

/** A library at its address. `image` is its memory from `base` on, in whole pages, bss included. */
export type Placed = Library & { readonly base: number; readonly image: Uint8Array };

/**
 * A segment of the output with its bytes. Whole pages, so that musl finds no gap at its ends to give to malloc again.
 */
export type Piece = {
  readonly vaddr: number;
  readonly flags: number;
  readonly size: number;
  readonly bytes: Uint8Array;
};

/**
 * The first free page after the program, in memory and in the file. All additions have the same distance between
 * address and file offset as the program's first segment, because kernels before 5.18 compute AT_PHDR from that.
 */
export function endOfProgram({ maxPageSize }: Architecture, file: ElfFile): { address: number; distance: number } {
  const loads = file.segmentsOf(elf.PT_LOAD);
  const distance = distanceOf(file);
  const address = Math.max(endOf(file), ...loads.map(({ offset, filesz }) => offset + filesz + distance));
  return { address: pageUp(address, maxPageSize), distance };
}

/** How far above its file offset a file's first segment lies, in bytes. No segment lies nearer. */
export const distanceOf = (file: ElfFile): number =>
  Math.min(...file.segmentsOf(elf.PT_LOAD).map(({ vaddr, offset }) => vaddr - offset));

/** Lays out `libraries` one after the other from `start`, and copies their segments into memory images. */
export function place(
  { maxPageSize }: Architecture,
  libraries: readonly Library[],
  start: number,
): { placed: Placed[]; end: number } {
  let end = start;
  const placed = libraries.map((library) => {
    const base = end;
    const image = memoryImage(library.file, maxPageSize);
    end += image.length;
    return { ...library, base, image };
  });
  return { placed, end };
}

/**
 * The library's segments as pieces of the output, each with its own protection. If `relocated`, as libraries are when
 * the file is written, what is read-only after relocation (PT_GNU_RELRO) is read-only from the start.
 */
export function pieces({ maxPageSize }: Architecture, { file, base, image }: Placed, relocated: boolean): Piece[] {
  const [relro] = relocated ? file.segmentsOf(elf.PT_GNU_RELRO) : [];
  return file.segmentsOf(elf.PT_LOAD).flatMap(({ vaddr, memsz, flags }) => {
    const start = pageDown(vaddr, maxPageSize);
    const end = pageUp(vaddr + memsz, maxPageSize);
    const part = (from: number, to: number, flags: number): Piece[] =>
      from < to ? [{ vaddr: base + from, flags, size: to - from, bytes: image.subarray(from, to) }] : [];
    const inside = relro !== undefined && relro.vaddr >= vaddr && relro.vaddr + relro.memsz <= end;
    const middle =
      inside && pageDown(relro.vaddr, maxPageSize) === start ? pageDown(relro.vaddr + relro.memsz, maxPageSize) : start;
    return [...part(start, middle, elf.PF_R), ...part(middle, end, flags)];
  });
}

/** A segment in whole pages with the same layout in file and memory. */
export const loadSegment = (
  { maxPageSize }: Architecture,
  { vaddr, flags, size }: Pick<Piece, "vaddr" | "flags" | "size">,
  distance: number,
): Segment => ({
  ...{ type: elf.PT_LOAD, flags, offset: vaddr - distance, vaddr },
  ...{ filesz: size, memsz: size, align: maxPageSize },
});

/** @throws LinkError when the library is too large, or two of its segments share a page, which has one protection. */
function memoryImage(file: ElfFile, pageSize: number): Uint8Array {
  const loads = file.segmentsOf(elf.PT_LOAD);
  if (endOf(file) > MOST_LIBRARY)
    throw new LinkError(`${file.name}: a segment of it ends at ${hex(endOf(file))}, above 64 MiB; the file is damaged`);
  const shared = loads.find(({ vaddr }, index) => {
    const before = loads[index - 1];
    return before !== undefined && pageDown(vaddr, pageSize) < before.vaddr + before.memsz;
  });
  if (shared !== undefined)
    throw new LinkError(
      `${file.name}: its segment at ${hex(shared.vaddr)} shares a page of ${pageSize} bytes with the one ` +
        "before; use a library that was built for pages of that size",
    );
  const image = new Uint8Array(pageUp(endOf(file), pageSize));
  for (const { vaddr, offset, filesz } of loads) image.set(file.bytes.subarray(offset, offset + filesz), vaddr);
  return image;
}

/** The first address after a file's segments. @throws LinkError for one beyond any program or library. */
export function endOf(file: ElfFile): number {
  const end = file.end;
  if (end > HIGHEST_ADDRESS)
    throw new LinkError(`${file.name}: a segment of it ends at ${hex(end)}, above 2 GiB; the file is damaged`);
  return end;
}
