import * as elf from "./constants.ts";
import { ElfError, readU64 } from "./file.ts";

/** A section of an object file that takes memory. `index`: its number for symbols and relocations. */
export type ObjectSection = {
  readonly index: number;
  readonly flags: number;
  readonly align: number;
  readonly bytes: Uint8Array;
};

/** A symbol. `section`: the index of its section, or SHN_UNDEF if another file defines it. */
export type ObjectSymbol = {
  readonly name: string;
  readonly binding: number;
  readonly section: number;
  readonly value: number;
};

/** A relocation (Elf64_Rela) at `offset` of the section with the index `section`. */
export type ObjectRelocation = {
  readonly section: number;
  readonly offset: number;
  readonly type: number;
  readonly symbol: ObjectSymbol;
  readonly addend: number;
};

/** An object file (ET_REL, gABI chapter 4). */
export type ObjectFile = {
  readonly sections: readonly ObjectSection[];
  readonly symbols: readonly ObjectSymbol[];
  readonly relocations: readonly ObjectRelocation[];
};

/** Limits far above every object of a C library: sections, and bytes that are in memory and not in the file. */
const MOST_SECTIONS = 0x1000;
const MOST_BSS = 0x10_0000;

/**
 * @throws ElfError when `bytes` is not a 64-bit little-endian object file for `machine`, or has parts beyond its end.
 */
export function readObject(name: string, bytes: Uint8Array, machine: number): ObjectFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = bytes.length >= elf.EHDR_SIZE && view.getUint32(0, false) === 0x7f454c46;
  if (!magic || bytes[elf.EI_CLASS] !== elf.ELFCLASS64 || bytes[elf.EI_DATA] !== elf.ELFDATA2LSB)
    throw new ElfError(`${name}: not a 64-bit little-endian ELF file`);
  const [type, found] = [view.getUint16(16, true), view.getUint16(18, true)];
  if (type !== elf.ET_REL || found !== machine)
    throw new ElfError(`${name}: an ELF file of type ${type} for machine ${found}, not an object file for ${machine}`);
  const headers = readHeaders(name, view);
  const symbols = readSymbols(name, view, headers);
  return {
    sections: headers
      .filter(({ flags }) => (flags & elf.SHF_ALLOC) !== 0)
      .map(({ index, type, flags, align, offset, size }) => ({
        index,
        flags,
        align,
        bytes: type === elf.SHT_NOBITS ? new Uint8Array(size) : bytes.slice(offset, offset + size),
      })),
    symbols,
    relocations: headers
      .filter(({ type }) => type === elf.SHT_RELA)
      .flatMap((header) => readRelocations(name, view, header, symbols, headers)),
  };
}

type Header = ReturnType<typeof readHeader>;

function readHeader(view: DataView, at: number, index: number) {
  return {
    index,
    type: view.getUint32(at + 4, true),
    flags: readU64(view, at + 8),
    offset: readU64(view, at + 24),
    size: readU64(view, at + 32),
    link: view.getUint32(at + 40, true),
    info: view.getUint32(at + 44, true),
    align: readU64(view, at + 48),
  };
}

function readHeaders(name: string, view: DataView): Header[] {
  const [shoff, shentsize, shnum] = [readU64(view, 40), view.getUint16(58, true), view.getUint16(60, true)];
  const table = shnum * elf.SHDR_SIZE;
  if (shentsize !== elf.SHDR_SIZE || shnum > MOST_SECTIONS || shoff + table > view.byteLength)
    throw new ElfError(`${name}: ${shnum} section headers of ${shentsize} bytes at ${shoff}; the file is damaged`);
  const headers = Array.from({ length: shnum }, (_, index) => readHeader(view, shoff + index * elf.SHDR_SIZE, index));
  const beyond = headers.find(({ type, offset, size }) =>
    type === elf.SHT_NOBITS ? size > MOST_BSS : offset + size > view.byteLength,
  );
  if (beyond !== undefined)
    throw new ElfError(`${name}: section ${beyond.index} lies beyond the end of the file; it is cut short or damaged`);
  return headers;
}

function readSymbols(name: string, view: DataView, headers: readonly Header[]): ObjectSymbol[] {
  const table = headers.find(({ type }) => type === elf.SHT_SYMTAB);
  if (table === undefined) return [];
  const strings = headers[table.link];
  if (strings === undefined) throw new ElfError(`${name}: its symbol table has no names; the file is damaged`);
  return Array.from({ length: Math.floor(table.size / elf.SYM_SIZE) }, (_, index) => {
    const at = table.offset + index * elf.SYM_SIZE;
    return {
      name: stringAt(name, view, strings, view.getUint32(at, true)),
      binding: view.getUint8(at + 4) >> 4,
      section: view.getUint16(at + 6, true),
      value: readU64(view, at + 8),
    };
  });
}

function stringAt(name: string, view: DataView, { offset, size }: Header, at: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, size);
  const end = at < size ? bytes.indexOf(0, at) : -1;
  if (end < 0) throw new ElfError(`${name}: the name at ${at} of its symbol table does not end; the file is damaged`);
  return new TextDecoder().decode(bytes.subarray(at, end));
}

function readRelocations(
  name: string,
  view: DataView,
  { offset, size, info }: Header,
  symbols: readonly ObjectSymbol[],
  headers: readonly Header[],
): ObjectRelocation[] {
  return Array.from({ length: Math.floor(size / elf.RELA_SIZE) }, (_, index) => {
    const at = offset + index * elf.RELA_SIZE;
    const symbol = symbols[view.getUint32(at + 12, true)];
    const place = readU64(view, at);
    if (symbol === undefined || place >= (headers[info]?.size ?? 0))
      throw new ElfError(
        `${name}: relocation ${index} of section ${info} has no symbol or no place; the file is damaged`,
      );
    return {
      section: info,
      offset: place,
      type: view.getUint32(at + 8, true),
      symbol,
      addend: Number(view.getBigInt64(at + 16, true)),
    };
  });
}
