import * as elf from "./constants.ts";
import { type Segment, writeU64 } from "./file.ts";

/**
 * Fields of an Elf64_Ehdr: e_machine, e_entry, e_phoff, e_phnum; with sections, also e_shoff, e_shnum and e_shstrndx.
 */
export type Header = {
  readonly machine: number;
  readonly entry: number;
  readonly phoff: number;
  readonly phnum: number;
  readonly shoff?: number;
  readonly shnum?: number;
  readonly shstrndx?: number;
};

/** Writes an Elf64_Ehdr of a finished executable (ET_EXEC) at offset 0. */
export function writeHeader(view: DataView, header: Header): void {
  const { machine, entry, phoff, phnum, shoff = 0, shnum = 0, shstrndx = 0 } = header;
  const ident = [0x7f, 0x45, 0x4c, 0x46, elf.ELFCLASS64, elf.ELFDATA2LSB, 1];
  for (let at = 0; at < elf.EHDR_SIZE; at++) view.setUint8(at, ident[at] ?? 0);
  view.setUint16(16, elf.ET_EXEC, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  writeU64(view, 24, entry);
  writeU64(view, 32, phoff);
  writeU64(view, 40, shoff);
  view.setUint16(52, elf.EHDR_SIZE, true);
  view.setUint16(54, elf.PHDR_SIZE, true);
  view.setUint16(56, phnum, true);
  // With 0 here, tools call a file broken even if it has no section.
  view.setUint16(58, elf.SHDR_SIZE, true);
  view.setUint16(60, shnum, true);
  view.setUint16(62, shstrndx, true);
}

/** Writes `segments` as a table of Elf64_Phdr at `phoff`. */
export function writeSegments(view: DataView, phoff: number, segments: readonly Segment[]): void {
  segments.forEach((segment, index) => {
    const at = phoff + index * elf.PHDR_SIZE;
    view.setUint32(at, segment.type, true);
    view.setUint32(at + 4, segment.flags, true);
    writeU64(view, at + 8, segment.offset);
    writeU64(view, at + 16, segment.vaddr);
    writeU64(view, at + 24, segment.vaddr);
    writeU64(view, at + 32, segment.filesz);
    writeU64(view, at + 40, segment.memsz);
    writeU64(view, at + 48, segment.align);
  });
}
