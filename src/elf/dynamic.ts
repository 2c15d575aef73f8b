import * as elf from "./constants.ts";
import { ElfError, type ElfFile, writeU64 } from "./file.ts";

/** An Elf64_Sym of a dynamic symbol table. `value` is an address, for STT_TLS an offset into the TLS template. */
export type Symbol = {
  readonly name: string;
  readonly binding: number;
  readonly type: number;
  readonly defined: boolean;
  readonly value: number;
  readonly size: number;
  /** Is this the definition that a reference without a version gets? */
  readonly default: boolean;
};

/** An Elf64_Rela. `at` is where in the file the entry itself stands, `offset` the address it changes. */
export type Relocation = {
  readonly at: number;
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend: number;
};

/** The dynamic section of a file (gABI chapter 5): what it needs, its symbols and its relocations. */
export type Dynamic = {
  /** The value of each tag; of DT_NEEDED only the last. */
  readonly tags: ReadonlyMap<number, number>;
  readonly needed: readonly string[];
  readonly symbols: readonly Symbol[];
  readonly relocations: readonly Relocation[];
  /** What the file defines for others, by name. */
  readonly exports: ReadonlyMap<string, Symbol>;
};

type Tags = ReadonlyMap<number, number>;

/** @throws ElfError when the file has no dynamic section, or one without a symbol table. */
export function readDynamic(file: ElfFile): Dynamic {
  const entries = readEntries(file);
  const tags: Tags = new Map(entries);
  const strtab = required(file, tags, elf.DT_STRTAB, "DT_STRTAB");
  const relocations = [
    ...readRelocations(file, tags.get(elf.DT_RELA), tags.get(elf.DT_RELASZ)),
    ...readRelocations(file, tags.get(elf.DT_JMPREL), tags.get(elf.DT_PLTRELSZ)),
  ];
  // A hash table need not reach the symbols that are only referred to.
  const referred = relocations.reduce((most, { symbol }) => Math.max(most, symbol + 1), 0);
  const symbols = readSymbols(file, tags, strtab, Math.max(symbolCount(file, tags), referred));
  return {
    tags,
    needed: entries.filter(([tag]) => tag === elf.DT_NEEDED).map(([, value]) => file.stringAt(strtab + value)),
    symbols,
    relocations,
    exports: new Map(
      symbols
        .filter((symbol) => symbol.defined && symbol.default && symbol.binding !== elf.STB_LOCAL)
        .map((symbol) => [symbol.name, symbol]),
    ),
  };
}

/** Takes the DT_NEEDED entries of `names` out of the file's dynamic section; the entries behind them move up. */
export function dropNeeded(file: ElfFile, names: readonly string[]): void {
  const entries = readEntries(file);
  const strtab = required(file, new Map(entries), elf.DT_STRTAB, "DT_STRTAB");
  writeEntries(
    file,
    entries.filter(([tag, value]) => tag !== elf.DT_NEEDED || !names.includes(file.stringAt(strtab + value))),
  );
}

/**
 * Gives the tags of `changes` new values in the file's dynamic section, and takes those out whose value is undefined.
 * @throws ElfError when there are more than there is room for.
 */
export function changeTags(file: ElfFile, changes: ReadonlyMap<number, number | undefined>): void {
  const entries = readEntries(file);
  const kept = entries.filter(([tag]) => !changes.has(tag));
  const added = [...changes].flatMap(([tag, value]) => (value === undefined ? [] : [[tag, value] as [number, number]]));
  writeEntries(file, [...kept, ...added]);
}

/** Writes `entries` over the dynamic section, which ends with a DT_NULL. */
function writeEntries(file: ElfFile, entries: readonly (readonly [tag: number, value: number])[]): void {
  const { offset, filesz } = dynamicSegment(file);
  const room = Math.floor(filesz / elf.DYN_SIZE) - 1;
  if (entries.length > room)
    throw new ElfError(`${file.name}: its dynamic section has room for ${room} entries, ${entries.length} are needed`);
  file.bytes.fill(0, offset, offset + filesz);
  entries.forEach(([tag, value], index) => {
    writeU64(file.view, offset + index * elf.DYN_SIZE, tag);
    writeU64(file.view, offset + index * elf.DYN_SIZE + 8, value);
  });
}

function dynamicSegment(file: ElfFile) {
  const [segment] = file.segmentsOf(elf.PT_DYNAMIC);
  if (segment === undefined)
    throw new ElfError(`${file.name}: it has no dynamic section (PT_DYNAMIC), so nothing can be linked to it`);
  return segment;
}

function readEntries(file: ElfFile): [tag: number, value: number][] {
  const { vaddr, filesz } = dynamicSegment(file);
  const entries: [number, number][] = [];
  for (let at = vaddr; at < vaddr + filesz; at += elf.DYN_SIZE) {
    const tag = file.u64At(at);
    if (tag === elf.DT_NULL) break;
    entries.push([tag, file.u64At(at + 8)]);
  }
  return entries;
}

function required(file: ElfFile, tags: Tags, tag: number, name: string): number {
  const value = tags.get(tag);
  if (value === undefined) throw new ElfError(`${file.name}: its dynamic section has no ${name}; the file is damaged`);
  return value;
}

function readSymbols(file: ElfFile, tags: Tags, strtab: number, count: number): Symbol[] {
  const symtab = required(file, tags, elf.DT_SYMTAB, "DT_SYMTAB");
  const versym = tags.get(elf.DT_VERSYM);
  const start = file.offsetOf(symtab, count * elf.SYM_SIZE);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * elf.SYM_SIZE;
    const info = file.view.getUint8(at + 4);
    const version = versym === undefined ? 1 : file.view.getUint16(file.offsetOf(versym + index * 2, 2), true);
    return {
      name: file.stringAt(strtab + file.view.getUint32(at, true)),
      binding: info >> 4,
      type: info & 15,
      defined: file.view.getUint16(at + 6, true) !== elf.SHN_UNDEF,
      value: Number(file.view.getBigUint64(at + 8, true)),
      size: Number(file.view.getBigUint64(at + 16, true)),
      default: (version & elf.VERSYM_HIDDEN) === 0,
    };
  });
}

/** The length of a symbol table stands in no entry of its own: it follows from a hash table. */
function symbolCount(file: ElfFile, tags: Tags): number {
  const hash = tags.get(elf.DT_HASH);
  if (hash !== undefined) return file.u32At(hash + 4);
  return gnuSymbolCount(file, required(file, tags, elf.DT_GNU_HASH, "DT_HASH or DT_GNU_HASH"));
}

/** DT_GNU_HASH: nbuckets, symoffset, bloom_size, bloom_shift, then the bloom filter, the buckets, the chains; a chain ends with an odd word. */
function gnuSymbolCount(file: ElfFile, table: number): number {
  const [nbuckets, symoffset, bloomSize] = [file.u32At(table), file.u32At(table + 4), file.u32At(table + 8)];
  const buckets = table + 16 + bloomSize * 8;
  const chains = buckets + nbuckets * 4;
  let last = 0;
  for (let bucket = 0; bucket < nbuckets; bucket++) last = Math.max(last, file.u32At(buckets + bucket * 4));
  if (last < symoffset) return symoffset;
  while ((file.u32At(chains + (last - symoffset) * 4) & 1) === 0) last++;
  return last + 1;
}

function readRelocations(file: ElfFile, table: number | undefined, size: number | undefined): Relocation[] {
  if (table === undefined || size === undefined || size === 0) return [];
  const start = file.offsetOf(table, size);
  return Array.from({ length: Math.floor(size / elf.RELA_SIZE) }, (_, index) => {
    const at = start + index * elf.RELA_SIZE;
    return {
      at,
      offset: Number(file.view.getBigUint64(at, true)),
      type: file.view.getUint32(at + 8, true),
      symbol: file.view.getUint32(at + 12, true),
      addend: Number(file.view.getBigInt64(at + 16, true)),
    };
  });
}
