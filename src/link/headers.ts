import * as elf from "../elf/constants.ts";
import { type Segment, viewOf } from "../elf/file.ts";
import type { SectionTable } from "../elf/sections.ts";
import { writeHeader, writeSegments } from "../elf/write.ts";
import { LinkError } from "./error.ts";
import type { Program } from "./program.ts";
import type { TlsTemplate } from "./tls.ts";
import type { UnwindTable } from "./unwind.ts";

/** The lowest address that Linux maps, unless root changes vm.mmap_min_addr. */
const LOWEST_ADDRESS = 0x1_0000;

/** Where the output's file begins in memory, and how far it shifts the bytes of the program's file. */
export type Start = { readonly address: number; readonly shift: number };

/**
 * The output begins with its own pages below the program's: an ELF header followed by the program headers, where every
 * tool looks for them. The program's first page has no room for so many; it follows unchanged. `distance`: the
 * program's addresses minus its file offsets.
 * @throws LinkError when there is no room below the program.
 */
export function startOf({ architecture, file }: Program, distance: number): Start {
  // Keep each segment's offset and address congruent (p_align), if there is room for that.
  const aligns = file.segmentsOf(elf.PT_LOAD).map(({ align }) => align);
  const shift = Math.max(architecture.maxPageSize, ...aligns.filter((align) => distance - align >= LOWEST_ADDRESS));
  if (distance - shift < LOWEST_ADDRESS)
    throw new LinkError(`${file.name}: it begins too low in memory for pages before it; the file is damaged`);
  return { address: distance - shift, shift };
}

/** The segment of these pages. */
const startSegment = ({ address, shift }: Start): Segment => ({
  ...{ type: elf.PT_LOAD, flags: elf.PF_R, offset: 0, vaddr: address },
  ...{ filesz: shift, memsz: shift, align: shift },
});

/**
 * PT_PHDR first and PT_LOAD in ascending order, as the gABI requires; the program's other entries stay as they were.
 * PT_DYNAMIC comes last: only musl's loader, which is told of all headers, uses it. The ELF header does not count it,
 * because the file is not dynamic to anyone else.
 */
export function programHeaders(
  { file }: Program,
  start: Start,
  added: readonly Segment[],
  tls: TlsTemplate,
  unwind: UnwindTable | undefined,
): Segment[] {
  const replaced = [elf.PT_PHDR, elf.PT_INTERP, elf.PT_LOAD, elf.PT_TLS, elf.PT_DYNAMIC];
  if (unwind !== undefined) replaced.push(elf.PT_GNU_EH_FRAME);
  const readOnly = { flags: elf.PF_R };
  const place = (vaddr: number) => ({ vaddr, offset: vaddr - start.address });
  const own = (type: number) => file.segmentsOf(type).map((segment) => shifted(segment, start));
  const unwinding = unwind && {
    ...place(unwind.address),
    filesz: unwind.size,
    memsz: unwind.size,
    align: unwind.align,
  };
  const behind: Segment[] = [
    startSegment(start),
    ...own(elf.PT_LOAD),
    ...added,
    { type: elf.PT_TLS, ...readOnly, ...place(tls.address), filesz: tls.size, memsz: tls.memsz, align: tls.ownAlign },
    ...file.segments.filter(({ type }) => !replaced.includes(type)).map((segment) => shifted(segment, start)),
    ...(unwinding === undefined ? [] : [{ type: elf.PT_GNU_EH_FRAME, ...readOnly, ...unwinding }]),
    ...own(elf.PT_DYNAMIC),
  ];
  const size = (visibleCount(behind) + 1) * elf.PHDR_SIZE;
  const table = { ...place(start.address + elf.EHDR_SIZE), filesz: size, memsz: size, align: 8 };
  return [{ type: elf.PT_PHDR, ...readOnly, ...table }, ...behind];
}

/** A segment of the program at its place in the output. A segment without bytes has no place. */
const shifted = (segment: Segment, { shift }: Start): Segment => ({
  ...segment,
  offset: segment.filesz === 0 ? segment.offset : segment.offset + shift,
});

/** How many program headers the ELF header counts. */
export const visibleCount = (segments: readonly Segment[]): number =>
  segments.filter(({ type }) => type !== elf.PT_DYNAMIC).length;

/** The bytes of the first pages. `sections`: the place of the section headers, if any. */
export function startBytes(
  { shift }: Start,
  machine: number,
  entry: number,
  segments: readonly Segment[],
  sections: SectionTable | undefined,
): Uint8Array {
  const bytes = new Uint8Array(shift);
  const phnum = visibleCount(segments);
  const places = sections && { shoff: sections.shoff, shnum: sections.shnum, shstrndx: sections.shstrndx };
  writeHeader(viewOf(bytes), { machine, entry, phoff: elf.EHDR_SIZE, phnum, ...places });
  writeSegments(viewOf(bytes), elf.EHDR_SIZE, segments);
  return bytes;
}
