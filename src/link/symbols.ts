import * as elf from "../elf/constants.ts";
import type { Symbol } from "../elf/dynamic.ts";
import { writeU64 } from "../elf/file.ts";
import { Bytes } from "./chunk.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";
import type { TlsTemplate } from "./tls.ts";

/**
 * The program's dynamic symbol table, extended with what the C++ libraries export, so that an addon loaded by musl's
 * loader at run time finds their names in the program. The program's own symbols keep their places, because its
 * relocations refer to them; those that can be found occur a second time, in the hash table's order.
 */
export type SymbolTables = { readonly symtab: Bytes; readonly strtab: Bytes; readonly gnuHash: Bytes };

type HashedSymbol = { readonly symbol: Symbol; readonly value: number; readonly hash: number };

export function mergeSymbols(program: Program, libraries: readonly Placed[], tls: TlsTemplate): SymbolTables {
  const { dynamic, file } = program;
  const found = exported(program, libraries, tls);
  const bucketCount = Math.max(1, found.length >> 1);
  found.sort((one, other) => (one.hash % bucketCount) - (other.hash % bucketCount));

  const first = dynamic.symbols.length;
  const symtab = new Uint8Array((first + found.length) * elf.SYM_SIZE);
  const ownAt = file.offsetOf(tag(program, elf.DT_SYMTAB), first * elf.SYM_SIZE);
  symtab.set(file.bytes.subarray(ownAt, ownAt + first * elf.SYM_SIZE));
  const ownStrings = file.offsetOf(tag(program, elf.DT_STRTAB), tag(program, elf.DT_STRSZ));
  const strings = [file.bytes.subarray(ownStrings, ownStrings + tag(program, elf.DT_STRSZ))];
  let stringsEnd = tag(program, elf.DT_STRSZ);
  const view = new DataView(symtab.buffer);
  found.forEach(({ symbol, value }, index) => {
    const name = new TextEncoder().encode(`${symbol.name}\0`);
    writeSymbol(view, (first + index) * elf.SYM_SIZE, symbol, value, stringsEnd);
    strings.push(name);
    stringsEnd += name.length;
  });
  return {
    symtab: new Bytes(symtab),
    strtab: new Bytes(Buffer.concat(strings), 1),
    gnuHash: new Bytes(gnuHashTable(found, first, bucketCount)),
  };
}

/** The names that can be found: the program's first, then the libraries' in order. */
function exported({ dynamic }: Program, libraries: readonly Placed[], tls: TlsTemplate): HashedSymbol[] {
  const entries = new Map<string, HashedSymbol>();
  const add = (symbol: Symbol, base: number, template: number): void => {
    const nowhere = symbol.value === 0 && symbol.type !== elf.STT_TLS;
    if (nowhere || symbol.type === elf.STT_GNU_IFUNC || entries.has(symbol.name)) return;
    entries.set(symbol.name, {
      symbol,
      value: symbol.value + (symbol.type === elf.STT_TLS ? template : base),
      hash: gnuHash(symbol.name),
    });
  };
  for (const symbol of dynamic.exports.values()) add(symbol, 0, tls.program);
  for (const library of libraries) {
    for (const symbol of library.dynamic.exports.values()) add(symbol, library.base, tls.libraries.get(library) ?? 0);
  }
  return [...entries.values()];
}

function writeSymbol(view: DataView, at: number, { binding, type, size }: Symbol, value: number, name: number): void {
  view.setUint32(at, name, true);
  view.setUint8(at + 4, (binding << 4) | type);
  view.setUint16(at + 6, elf.SHN_ABS, true);
  writeU64(view, at + 8, value);
  writeU64(view, at + 16, size);
}

/**
 * DT_GNU_HASH for symbols sorted by bucket; the first one has the index `first`. A Bloom filter, then buckets, then
 * chains.
 */
function gnuHashTable(entries: readonly HashedSymbol[], first: number, bucketCount: number): Uint8Array {
  const bloomWords = 2 ** Math.ceil(Math.log2(Math.max(1, entries.length / 8)));
  const shift = 6;
  const view = new DataView(new ArrayBuffer(16 + bloomWords * 8 + (bucketCount + entries.length) * 4));
  [bucketCount, first, bloomWords, shift].forEach((word, index) => view.setUint32(index * 4, word, true));
  const buckets = 16 + bloomWords * 8;
  const chains = buckets + bucketCount * 4;
  entries.forEach(({ hash }, index) => {
    const word = 16 + (Math.floor(hash / 64) % bloomWords) * 8;
    const bits = (1n << BigInt(hash % 64)) | (1n << BigInt((hash >>> shift) % 64));
    view.setBigUint64(word, view.getBigUint64(word, true) | bits, true);
    const bucket = buckets + (hash % bucketCount) * 4;
    if (view.getUint32(bucket, true) === 0) view.setUint32(bucket, first + index, true);
    const next = entries[index + 1];
    const last = next === undefined || next.hash % bucketCount !== hash % bucketCount;
    view.setUint32(chains + index * 4, last ? (hash | 1) >>> 0 : (hash & ~1) >>> 0, true);
  });
  return new Uint8Array(view.buffer);
}

/** The hash function of DT_GNU_HASH. */
function gnuHash(name: string): number {
  let hash = 5381;
  for (const byte of new TextEncoder().encode(name)) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
}

function tag({ dynamic, file }: Program, wanted: number): number {
  const value = dynamic.tags.get(wanted);
  if (value === undefined) throw new Error(`${file.name} was read without the tag ${wanted}`);
  return value;
}
