import type { Architecture, Relocating } from "../arch/architecture.ts";
import { PT_TLS, R_NONE, STB_WEAK } from "../elf/constants.ts";
import type { Dynamic, Relocation, Symbol } from "../elf/dynamic.ts";
import { type ElfFile, hex, writeU64 } from "../elf/file.ts";
import { LinkError } from "./error.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";
import { type Definition, type Resolver, undefinedSymbol } from "./resolve.ts";
import type { TlsTemplate } from "./tls.ts";

/** musl numbers the TLS modules from 1; the program's is the first. */
const PROGRAM_TLS_MODULE = 1;

/** Applies every relocation of `library` to its image and leaves nothing for the loader. */
export function relocateLibrary(program: Program, library: Placed, resolver: Resolver, tls: TlsTemplate): void {
  const image = new DataView(library.image.buffer, library.image.byteOffset, library.image.byteLength);
  checkPlaces(program.architecture, library.path, library.dynamic);
  for (const relocation of library.dynamic.relocations) {
    if (relocation.type === R_NONE) continue;
    const words = libraryWords(program, library, relocation, resolver, tls);
    if (!library.file.loads(relocation.offset, words.length * 8)) throw astray(library.path, relocation);
    words.forEach((word, index) => writeU64(image, relocation.offset + index * 8, word));
  }
}

/**
 * Writes the final values of the program's relocations against the C++ libraries and turns each such entry into R_NONE.
 * musl relocates the program's references to musl at start, as always.
 * @throws LinkError naming the symbol when neither has it.
 */
export function relocateProgram(
  program: Program,
  cxx: readonly Placed[],
  musl: Placed,
  resolver: Resolver,
  tls: TlsTemplate,
): void {
  const { architecture, file } = program;
  checkPlaces(architecture, file.name, program.dynamic);
  for (const relocation of program.dynamic.relocations) {
    if (relocation.type === R_NONE) continue;
    const kind = architecture.relocations.get(relocation.type);
    const symbol = symbolOf(file.name, program.dynamic.symbols, relocation);
    if (kind === undefined) throw unknownType(program, file.name, relocation, symbol);
    if (!file.loads(relocation.offset, sizeOf(kind, symbol))) throw astray(file.name, relocation);
    const definition = kind === "relative" ? undefined : definitionFor(program, symbol, resolver, kind);
    if (kind === "relative" || definition === undefined || !cxx.some((library) => library === definition.owner)) {
      if (kind !== "relative") checkLoaderFinds(program, musl, symbol);
      checkOutsideTemplate(program, relocation, symbol);
      continue;
    }
    if (kind === "copy") copy(program, relocation.offset, symbol, definition);
    else settle(file, relocation, words(kind, relocation, definition, resolver, tls));
    file.view.setBigUint64(relocation.at + 8, BigInt(R_NONE), true);
  }
}

/** musl relocates itself when the program starts, too late to say what is wrong with it. */
export function checkLoader(program: Program, { path, file, dynamic }: Placed): void {
  const { architecture } = program;
  checkPlaces(architecture, path, dynamic);
  for (const relocation of dynamic.relocations) {
    if (relocation.type === R_NONE) continue;
    const kind = architecture.relocations.get(relocation.type);
    const symbol = symbolOf(path, dynamic.symbols, relocation);
    if (kind === undefined || kind === "copy") throw unknownType(program, path, relocation, symbol);
    if (!file.loads(relocation.offset, sizeOf(kind, symbol))) throw astray(path, relocation);
  }
}

function libraryWords(
  program: Program,
  library: Placed,
  relocation: Relocation,
  resolver: Resolver,
  tls: TlsTemplate,
): number[] {
  const kind = program.architecture.relocations.get(relocation.type);
  if (kind === "relative") return [library.base + relocation.addend];
  if (kind === "tls-module") return [PROGRAM_TLS_MODULE];
  const symbol = symbolOf(library.path, library.dynamic.symbols, relocation);
  if (kind === undefined || kind === "copy") throw unknownType(program, library.path, relocation, symbol);
  const definition = relocation.symbol === 0 ? ownTls(library, symbol) : resolver.reference(library, symbol);
  return definition === undefined ? [0] : words(kind, relocation, definition, resolver, tls);
}

/** A TLS relocation without a symbol refers to the library's own template. */
const ownTls = (library: Placed, symbol: Symbol): Definition => ({ symbol, owner: library, value: 0 });

/** The words, of 8 bytes, that a relocation against `definition` writes. */
function words(
  kind: Exclude<Relocating, "relative" | "copy">,
  { addend }: Relocation,
  definition: Definition,
  resolver: Resolver,
  tls: TlsTemplate,
): number[] {
  switch (kind) {
    case "address":
      return [definition.value + addend];
    case "tls-module":
      return [PROGRAM_TLS_MODULE];
    case "tls-offset":
      return [tlsOffset(definition, tls) + addend];
    case "thread-pointer-offset":
      return [tlsOffset(definition, tls) + addend + tls.fromThreadPointer];
    case "tls-descriptor":
      return [resolver.routine("tlsDescriptor"), tlsOffset(definition, tls) + addend + tls.fromThreadPointer];
  }
}

function settle(file: ElfFile, { offset }: Relocation, words: readonly number[]): void {
  const at = file.offsetOf(offset, words.length * 8);
  words.forEach((word, index) => writeU64(file.view, at + index * 8, word));
}

/**
 * A COPY gives the program its own copy of a library's object, with the library's relocations already applied. Like
 * musl's loader (do_relocs in ldso/dynlink.c), it copies as many bytes as the program has room for, whatever the
 * library's size.
 */
function copy(program: Program, offset: number, { name, size }: Symbol, { symbol, owner }: Definition): void {
  if (typeof owner === "string") return;
  if (!owner.file.loads(symbol.value, size))
    throw new LinkError(
      `${owner.path}: the program copies ${size} bytes of ${name}, which is smaller; link with ` +
        "the library that the program was linked with",
    );
  program.file.bytes.set(owner.image.subarray(symbol.value, symbol.value + size), program.file.offsetOf(offset, size));
}

/** How many bytes a relocation changes. */
function sizeOf(kind: Relocating | undefined, symbol: Symbol | undefined): number {
  if (kind === "copy") return symbol?.size ?? 0;
  return kind === "tls-descriptor" ? 16 : 8;
}

/**
 * No two relocations change the same byte: which of them wins depends on the order, and here some are applied before
 * the program starts. Those of tables of addresses change a whole entry.
 */
function checkPlaces(
  { relocations: kinds, lazyRelocations }: Architecture,
  name: string,
  { relocations, symbols }: Dynamic,
): void {
  const none = relocations.find(({ type, symbol }) => type === R_NONE && symbol !== 0);
  if (none !== undefined)
    throw new LinkError(
      `${name}: a relocation at ${hex(none.offset)} names a symbol and has no type (R_NONE); the file is damaged`,
    );
  const astray = relocations.find(({ offset, type }) => lazyRelocations.has(type) && offset % 8 !== 0);
  if (astray !== undefined)
    throw new LinkError(
      `${name}: a relocation changes the entry of a table of addresses at ${hex(astray.offset)}, where none begins; ` +
        "the file is damaged",
    );
  const changed = relocations
    .filter(({ type }) => type !== R_NONE)
    .map(({ offset, type, symbol }) => ({ offset, size: sizeOf(kinds.get(type), symbols[symbol]) }))
    .toSorted((one, other) => one.offset - other.offset);
  for (const [index, { offset, size }] of changed.entries()) {
    const next = changed[index + 1]?.offset ?? Number.POSITIVE_INFINITY;
    if (offset + size > next)
      throw new LinkError(`${name}: two relocations change the bytes at ${hex(next)}; the file is damaged`);
  }
}

/** For a COPY, the program's own symbol is the destination, so only the libraries can have the source. */
function definitionFor(
  program: Program,
  symbol: Symbol,
  resolver: Resolver,
  kind: Relocating | undefined,
): Definition | undefined {
  if (kind === "copy") return resolver.lookupLibraries(symbol.name);
  return program.dynamic.exports.has(symbol.name) ? undefined : resolver.lookup(symbol.name);
}

function checkLoaderFinds(program: Program, musl: Placed, symbol: Symbol): void {
  const found = musl.dynamic.exports.has(symbol.name) || (symbol.defined && symbol.name !== "");
  if (!found && symbol.binding !== STB_WEAK) throw undefinedSymbol(program.file.name, symbol);
}

/** The template is copied now, so a change that musl makes in it at start would not reach the copy. */
function checkOutsideTemplate({ file }: Program, { offset }: Relocation, { name }: Symbol): void {
  const inside = file.segmentsOf(PT_TLS).some(({ vaddr, filesz }) => offset + 8 > vaddr && offset < vaddr + filesz);
  const what = name === "" ? "an address" : `the address of ${name}`;
  if (inside)
    throw new LinkError(
      `${file.name}: a thread-local variable is initialised with ${what}, which is known only at start; this ` +
        "linker cannot do that",
    );
}

const astray = (path: string, { offset }: Relocation) =>
  new LinkError(
    `${path}: a relocation changes the bytes at ${hex(offset)}, which are in none of its segments; the file is damaged`,
  );

function tlsOffset({ owner, value }: Definition, tls: TlsTemplate): number {
  const part = typeof owner === "string" ? tls.program : (tls.libraries.get(owner) ?? 0);
  return part + value;
}

function symbolOf(path: string, symbols: readonly Symbol[], { symbol: index }: Relocation): Symbol {
  const symbol = symbols[index];
  if (symbol === undefined)
    throw new LinkError(`${path}: a relocation names symbol ${index} of ${symbols.length}; the file is damaged`);
  return symbol;
}

function unknownType({ architecture }: Program, path: string, { type, offset }: Relocation, symbol: Symbol): LinkError {
  const about = symbol.name === "" ? "" : ` against ${symbol.name}`;
  return new LinkError(
    `${path}: ${architecture.name} relocation type ${type}${about} at ${hex(offset)} is not one this linker ` +
      "knows; use the libraries of Debian 12 or of Alpine",
  );
}
