import * as elf from "../elf/constants.ts";
import type { Segment } from "../elf/file.ts";
import { PAGE_SIZE } from "../elf/pages.ts";
import { type Section, sectionKind } from "../elf/sections.ts";

/** Bytes of a file, from its start. */
type Span = { readonly offset: number; readonly size: number };

/**
 * Sections for everything that is loaded, for tools that know a file only by its sections and keep only what is in one:
 * strip, objcopy. A part that another segment describes becomes its own section, and the rest of each loaded segment
 * becomes sections before and after it. No section covers the first `headers` bytes of the file, which such a tool
 * rewrites.
 */
export function sectionsWithin(segments: readonly Segment[], headers: number): Section[] {
  const parts = segments.flatMap(partOf);
  const taken = [{ offset: 0, size: headers }, ...parts.filter(({ type }) => type !== elf.SHT_NOBITS)];
  const rest = segments
    .filter(({ type, filesz }) => type === elf.PT_LOAD && filesz > 0)
    .flatMap((load) =>
      without({ offset: load.offset, size: load.filesz }, taken).map(({ offset, size }) => ({
        ...sectionKind(load.flags, true),
        ...{ address: load.vaddr + offset - load.offset, offset, size },
        align: offset % PAGE_SIZE === 0 ? PAGE_SIZE : 1,
      })),
    );
  return [...rest, ...parts].toSorted((one, other) => one.address - other.address || other.size - one.size);
}

/** The sections of a segment that describes part of a loaded one. */
function partOf({ type, offset, vaddr: address, filesz, memsz, align }: Segment): Section[] {
  const part = { address, offset, size: filesz, align: Math.max(align, 1) };
  if (type === elf.PT_NOTE) return [{ ...part, name: ".note", type: elf.SHT_NOTE, flags: elf.SHF_ALLOC }];
  if (type === elf.PT_GNU_EH_FRAME)
    return [{ ...part, name: ".eh_frame_hdr", type: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC }];
  if (type !== elf.PT_TLS) return [];
  const flags = elf.SHF_ALLOC | elf.SHF_WRITE | elf.SHF_TLS;
  const end = { address: address + filesz, offset: offset + filesz, size: memsz - filesz };
  return [
    { ...part, name: ".tdata", type: elf.SHT_PROGBITS, flags },
    { ...end, name: ".tbss", type: elf.SHT_NOBITS, flags, align: 1 },
  ].filter(({ size }) => size > 0);
}

/** The parts of `whole` outside `taken`. */
function without(whole: Span, taken: readonly Span[]): Span[] {
  return taken.reduce<Span[]>(
    (left, hole) =>
      left.flatMap(({ offset, size }) => {
        const end = offset + size;
        const before = spanTo(offset, Math.min(end, hole.offset));
        const behind = spanTo(Math.max(offset, hole.offset + hole.size), end);
        return [before, behind].filter(({ size }) => size > 0);
      }),
    [whole],
  );
}

const spanTo = (offset: number, end: number): Span => ({ offset, size: end - offset });
