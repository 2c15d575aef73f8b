import * as elf from "./constants.ts";
import { type Segment, writeU64 } from "./file.ts";
import { PAGE_SIZE, pageUp } from "./pages.ts";

/** The nonzero fields of an Elf64_Shdr. Addresses, offsets and sizes in bytes. */
export type Section = {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly align: number;
};

/** A section header table and its names, for the end of a file. */
export type SectionTable = {
  readonly bytes: Uint8Array;
  /** Fields of the Elf64_Ehdr: the offset of the headers, their number, and the index of the one for the names. */
  readonly shoff: number;
  readonly shnum: number;
  readonly shstrndx: number;
};

/**
 * A section for each loaded segment. No program needs them to run, but tools that change or check a finished file
 * (strip, objcopy, debugedit, virus scanners) know its contents only by its sections. If a segment begins with the
 * file's own headers, its section begins after them: `headers` bytes from the file's start.
 */
export function sectionsOf(segments: readonly Segment[], headers: number): Section[] {
  return segments
    .filter(({ type }) => type === elf.PT_LOAD)
    .map(({ flags, offset, vaddr, filesz, memsz }) => {
      const inFile = filesz > 0;
      const behind = inFile ? Math.max(0, headers - offset) : 0;
      return {
        ...sectionKind(flags, inFile),
        address: vaddr + behind,
        offset: offset + behind,
        size: (inFile ? filesz : memsz) - behind,
        align: behind > 0 ? 1 : PAGE_SIZE,
      };
    });
}

/** The name, type and flags of a section with that protection. */
export function sectionKind(flags: number, inFile: boolean): Pick<Section, "name" | "type" | "flags"> {
  const type = inFile ? elf.SHT_PROGBITS : elf.SHT_NOBITS;
  if (flags & elf.PF_X) return { name: ".text", type, flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR };
  if (flags & elf.PF_W) return { name: inFile ? ".data" : ".bss", type, flags: elf.SHF_ALLOC | elf.SHF_WRITE };
  return { name: ".rodata", type, flags: elf.SHF_ALLOC };
}

/**
 * The headers of `sections`, after the null section and before the names' (gABI chapter 4), for the file offset
 * `offset`.
 */
export function sectionTable(sections: readonly Section[], offset: number): SectionTable {
  const names = namesOf(["", ...sections.map(({ name }) => name), ".shstrtab"]);
  const shoff = pageUp(offset + names.bytes.length, 8);
  const all = [
    { name: "", type: 0, flags: 0, address: 0, offset: 0, size: 0, align: 0 },
    ...sections,
    { name: ".shstrtab", type: elf.SHT_STRTAB, flags: 0, address: 0, offset, size: names.bytes.length, align: 1 },
  ];
  const bytes = new Uint8Array(shoff - offset + all.length * elf.SHDR_SIZE);
  bytes.set(names.bytes);
  const view = new DataView(bytes.buffer);
  all.forEach((section, index) => {
    const at = shoff - offset + index * elf.SHDR_SIZE;
    view.setUint32(at, names.at.get(section.name) ?? 0, true);
    view.setUint32(at + 4, section.type, true);
    writeU64(view, at + 8, section.flags);
    writeU64(view, at + 16, section.address);
    writeU64(view, at + 24, section.offset);
    writeU64(view, at + 32, section.size);
    writeU64(view, at + 48, section.align);
  });
  return { bytes, shoff, shnum: all.length, shstrndx: all.length - 1 };
}

/** A string table with each name once, and the offset of each name. */
function namesOf(names: readonly string[]): { readonly bytes: Uint8Array; readonly at: ReadonlyMap<string, number> } {
  const at = new Map<string, number>();
  let table = "";
  for (const name of new Set(names)) {
    at.set(name, table.length);
    table += `${name}\0`;
  }
  return { bytes: new TextEncoder().encode(table), at };
}
