import * as elf from "./constants.ts";
import { ElfError, type ElfFile, hex, readU64, writeU64 } from "./file.ts";

/** An Elf64_Sym of a dynamic symbol table. `value` is an address, for STT_TLS an offset into the TLS template. */
export type Symbol = {
  readonly name: string;
  readonly binding: number;
  readonly type: number;
  readonly defined: boolean;
  readonly value: number;
  readonly size: number;
  /** The version that a reference asks for (GNU symbol versioning); undefined if none, and for a definition. */
  readonly version: string | undefined;
  /** Is this the definition for a reference without a version? */
  readonly default: boolean;
};

/** An Elf64_Rela. `at` is the entry's own place in the file, `offset` the address it changes. */
export type Relocation = {
  readonly at: number;
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend: number;
};

/** The dynamic section of a file (gABI chapter 5): what it needs, its symbols and its relocations. */
export type Dynamic = {
  /** The value of each tag; for DT_NEEDED only the last. */
  readonly tags: ReadonlyMap<number, number>;
  readonly needed: readonly string[];
  readonly symbols: readonly Symbol[];
  readonly relocations: readonly Relocation[];
  /** What the file defines for others, by name. */
  readonly exports: ReadonlyMap<string, Symbol>;
};

type Tags = ReadonlyMap<number, number>;

/** The address of the string table, and its size in bytes (DT_STRSZ). */
type Strings = { readonly at: number; readonly size: number };

/** Limits far above every file read here: the largest addon seen has a tenth of each. */
const MOST_ENTRIES = 4096;
const MOST_SYMBOLS = 1_000_000;
const MOST_RELOCATIONS = 4_000_000;
/** Bytes of an Elf64_Verneed, and of an Elf64_Vernaux. */
const VERNEED_SIZE = 16;
/** Bytes of all names together. */
const MOST_NAMES = 0x400_0000;

/** The kinds of relocations that this does not read: those without addends, and packed relative relocations. */
const OTHER_RELOCATIONS = new Map([
  [elf.DT_REL, "DT_REL"],
  [elf.DT_RELR, "DT_RELR"],
]);

/**
 * @throws ElfError when the file has no dynamic section, one without a symbol table, or one that contradicts itself.
 * Memory: some 100 bytes for each symbol and relocation; both are bounded.
 */
export function readDynamic(file: ElfFile): Dynamic {
  const entries = readEntries(file);
  const tags = singleTags(file, entries);
  const strings = {
    at: required(file, tags, elf.DT_STRTAB, "DT_STRTAB"),
    size: required(file, tags, elf.DT_STRSZ, "DT_STRSZ"),
  };
  file.offsetOf(strings.at, strings.size);
  for (const [tag, name] of OTHER_RELOCATIONS)
    if (tags.has(tag))
      throw new ElfError(`${file.name}: it has relocations of a kind that this linker does not read (${name})`);
  const relocations = [
    ...readRelocations(file, tags.get(elf.DT_RELA), tags.get(elf.DT_RELASZ)),
    ...readRelocations(file, tags.get(elf.DT_JMPREL), tags.get(elf.DT_PLTRELSZ)),
  ];
  // A hash table may leave out symbols that are only referred to.
  const referred = relocations.reduce((most, { symbol }) => Math.max(most, symbol + 1), 0);
  const symbols = readSymbols(file, tags, strings, Math.max(symbolCount(file, tags), referred));
  return {
    tags,
    needed: entries.filter(([tag]) => tag === elf.DT_NEEDED).map(([, value]) => nameIn(file, strings, value)),
    symbols,
    relocations,
    exports: new Map(
      symbols
        .filter((symbol) => symbol.defined && symbol.default && symbol.binding !== elf.STB_LOCAL)
        .map((symbol) => [symbol.name, symbol]),
    ),
  };
}

/** Removes the DT_NEEDED entries of `names` from the file's dynamic section; later entries move up. */
export function dropNeeded(file: ElfFile, names: readonly string[]): void {
  const entries = readEntries(file);
  const strtab = required(file, new Map(entries), elf.DT_STRTAB, "DT_STRTAB");
  writeEntries(
    file,
    entries.filter(([tag, value]) => tag !== elf.DT_NEEDED || !names.includes(file.stringAt(strtab + value))),
  );
}

/**
 * Sets the tags of `changes` to new values in the file's dynamic section, and removes those whose value is undefined.
 * @throws ElfError when they do not fit.
 */
export function changeTags(file: ElfFile, changes: ReadonlyMap<number, number | undefined>): void {
  const entries = readEntries(file);
  const kept = entries.filter(([tag]) => !changes.has(tag));
  const added = [...changes].flatMap(([tag, value]) => (value === undefined ? [] : [[tag, value] as [number, number]]));
  writeEntries(file, [...kept, ...added]);
}

/** Overwrites the dynamic section with `entries` and a final DT_NULL. */
function writeEntries(file: ElfFile, entries: readonly (readonly [tag: number, value: number])[]): void {
  const { offset, filesz } = dynamicSegment(file);
  const room = Math.floor(filesz / elf.DYN_SIZE) - 1;
  if (entries.length > room)
    throw new ElfError(`${file.name}: its dynamic section has room for ${room} entries and needs ${entries.length}`);
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
  const { offset, filesz } = dynamicSegment(file);
  const entries: [number, number][] = [];
  for (let at = offset; at + elf.DYN_SIZE <= offset + filesz; at += elf.DYN_SIZE) {
    const tag = readU64(file.view, at);
    if (tag === elf.DT_NULL) return entries;
    if (entries.length === MOST_ENTRIES) break;
    entries.push([tag, readU64(file.view, at + 8)]);
  }
  throw new ElfError(`${file.name}: its dynamic section does not end (DT_NULL); the file is damaged`);
}

/** The tags with their values. Refuses a repeated tag: some loaders take the first, others the last. */
function singleTags(file: ElfFile, entries: readonly (readonly [tag: number, value: number])[]): Tags {
  const tags = new Map(entries);
  for (const [tag, value] of entries)
    if (tag !== elf.DT_NEEDED && tags.get(tag) !== value)
      throw new ElfError(`${file.name}: its dynamic section has the tag ${hex(tag)} twice; the file is damaged`);
  return tags;
}

/** The name at `offset` of the string table. musl does not look at the table's size; what copies the table does. */
function nameIn(file: ElfFile, strings: Strings, offset: number): string {
  const name = file.stringAt(strings.at + offset);
  if (offset + Buffer.byteLength(name) < strings.size) return name;
  throw new ElfError(`${file.name}: its name ${name} lies beyond its string table (DT_STRSZ); the file is damaged`);
}

function required(file: ElfFile, tags: Tags, tag: number, name: string): number {
  const value = tags.get(tag);
  if (value === undefined) throw new ElfError(`${file.name}: its dynamic section has no ${name}; the file is damaged`);
  return value;
}

function readSymbols(file: ElfFile, tags: Tags, strings: Strings, count: number): Symbol[] {
  checkCount(file, count, MOST_SYMBOLS, "symbols");
  const { view } = file;
  const symtab = required(file, tags, elf.DT_SYMTAB, "DT_SYMTAB");
  const versym = tags.get(elf.DT_VERSYM);
  const start = file.offsetOf(symtab, count * elf.SYM_SIZE);
  const versions = versym === undefined ? undefined : file.offsetOf(versym, count * 2);
  const wanted = readNeededVersions(file, tags, strings);
  let names = 0;
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * elf.SYM_SIZE;
    const info = view.getUint8(at + 4);
    const version = versions === undefined ? 1 : view.getUint16(versions + index * 2, true);
    const name = nameIn(file, strings, view.getUint32(at, true));
    names += name.length;
    checkCount(file, names, MOST_NAMES, "bytes of names");
    const [value, size] = [readU64(view, at + 8), readU64(view, at + 16)];
    if (!Number.isSafeInteger(value + size))
      throw new ElfError(`${file.name}: its symbol ${name} has ${size} bytes at ${hex(value)}; the file is damaged`);
    return {
      name,
      binding: info >> 4,
      type: info & 15,
      defined: view.getUint16(at + 6, true) !== elf.SHN_UNDEF,
      value,
      size,
      version: wanted.get(version & ~elf.VERSYM_HIDDEN),
      default: (version & elf.VERSYM_HIDDEN) === 0,
    };
  });
}

/** The names of the versions that the file needs from others, by index (LSB Core, "Symbol Versioning"). */
function readNeededVersions(file: ElfFile, tags: Tags, strings: Strings): Map<number, string> {
  const versions = new Map<number, string>();
  let need = tags.get(elf.DT_VERNEED) ?? 0;
  const files = tags.get(elf.DT_VERNEEDNUM) ?? 0;
  let read = 0;
  for (let index = 0; index < files; index++) {
    const start = file.offsetOf(need, VERNEED_SIZE);
    let aux = need + file.view.getUint32(start + 8, true);
    for (let count = file.view.getUint16(start + 2, true); count > 0; count--) {
      const at = file.offsetOf(aux, VERNEED_SIZE);
      versions.set(file.view.getUint16(at + 6, true), nameIn(file, strings, file.view.getUint32(at + 8, true)));
      checkCount(file, ++read, MOST_ENTRIES, "versions");
      aux += file.view.getUint32(at + 12, true);
    }
    const next = file.view.getUint32(start + 12, true);
    if (next === 0) break;
    need += next;
  }
  return versions;
}

function checkCount(file: ElfFile, count: number, most: number, what: string): void {
  if (count > most) throw new ElfError(`${file.name}: it has more than ${most} ${what}; the file is damaged`);
}

/** No entry gives the length of a symbol table; it follows from a hash table. */
function symbolCount(file: ElfFile, tags: Tags): number {
  const hash = tags.get(elf.DT_HASH);
  if (hash !== undefined) return file.u32At(hash + 4);
  return gnuSymbolCount(file, required(file, tags, elf.DT_GNU_HASH, "DT_HASH or DT_GNU_HASH"));
}

/**
 * DT_GNU_HASH: nbuckets, symoffset, bloom_size, bloom_shift, then the bloom filter, the buckets, the chains. An odd
 * word ends a chain.
 */
function gnuSymbolCount(file: ElfFile, table: number): number {
  const [nbuckets, symoffset, bloomSize] = [file.u32At(table), file.u32At(table + 4), file.u32At(table + 8)];
  checkCount(file, nbuckets, MOST_SYMBOLS, "buckets of symbols");
  const buckets = table + 16 + bloomSize * 8;
  const start = file.offsetOf(buckets, nbuckets * 4);
  let last = 0;
  for (let bucket = 0; bucket < nbuckets; bucket++)
    last = Math.max(last, file.view.getUint32(start + bucket * 4, true));
  if (last < symoffset) return symoffset;
  const chains = buckets + nbuckets * 4;
  while ((file.u32At(chains + (last - symoffset) * 4) & 1) === 0) {
    last++;
    checkCount(file, last, MOST_SYMBOLS, "symbols");
  }
  return last + 1;
}

/** @throws ElfError for an addend above 2^53, which a number would round. */
function readRelocations(file: ElfFile, table: number | undefined, size: number | undefined): Relocation[] {
  if (table === undefined || size === undefined || size === 0) return [];
  const start = file.offsetOf(table, size);
  const count = Math.floor(size / elf.RELA_SIZE);
  checkCount(file, count, MOST_RELOCATIONS, "relocations");
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * elf.RELA_SIZE;
    const offset = readU64(file.view, at);
    const addend = Number(file.view.getBigInt64(at + 16, true));
    if (!Number.isSafeInteger(addend))
      throw new ElfError(
        `${file.name}: its relocation at ${hex(offset)} has the addend ${addend}; the file is damaged`,
      );
    return {
      at,
      offset,
      type: file.view.getUint32(at + 8, true),
      symbol: file.view.getUint32(at + 12, true),
      addend,
    };
  });
}
