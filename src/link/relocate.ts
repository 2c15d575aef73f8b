import { PT_TLS, STB_WEAK } from "../elf/constants.ts";
import type { Relocation, Symbol } from "../elf/dynamic.ts";
import { writeU64 } from "../elf/file.ts";
import * as x86 from "../elf/x86-64.ts";
import { LinkError } from "./error.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";
import { type Definition, type Resolver, undefinedSymbol } from "./resolve.ts";
import type { TlsTemplate } from "./tls.ts";

/** musl numbers the TLS modules from 1, and the program's is the first. */
const PROGRAM_TLS_MODULE = 1;

/** Applies every relocation of `library` to its image; nothing of it is left for the loader. */
export function relocateLibrary(library: Placed, resolver: Resolver, tls: TlsTemplate): void {
  const image = new DataView(library.image.buffer, library.image.byteOffset, library.image.byteLength);
  for (const relocation of library.dynamic.relocations) {
    if (relocation.type === x86.R_X86_64_NONE) continue;
    if (relocation.offset + 8 > image.byteLength) {
      throw new LinkError(`${library.path}: a relocation changes 0x${relocation.offset.toString(16)}, beyond its last segment; the file is damaged`);
    }
    writeU64(image, relocation.offset, libraryValue(library, relocation, resolver, tls));
  }
}

/**
 * Puts the final values of the program's relocations against the C++ libraries into place and turns each such entry
 * into R_X86_64_NONE. What musl defines is left to musl, which relocates the program at start as always.
 * @throws LinkError naming the symbol when neither has it.
 */
export function relocateProgram(program: Program, cxx: readonly Placed[], musl: Placed, resolver: Resolver, tls: TlsTemplate): void {
  for (const relocation of program.dynamic.relocations) {
    if (relocation.type === x86.R_X86_64_RELATIVE || relocation.type === x86.R_X86_64_NONE) continue;
    const symbol = symbolOf(program.file.name, program.dynamic.symbols, relocation);
    const definition = definitionFor(program, symbol, resolver, relocation.type);
    if (definition === undefined || !cxx.some((library) => library === definition.owner)) {
      checkLoaderFinds(program, musl, symbol);
      checkOutsideTemplate(program, relocation, symbol);
      continue;
    }
    settle(program, relocation, definition, tls);
  }
}

function libraryValue(library: Placed, relocation: Relocation, resolver: Resolver, tls: TlsTemplate): number {
  const { type, addend } = relocation;
  if (type === x86.R_X86_64_RELATIVE) return library.base + addend;
  if (type === x86.R_X86_64_DTPMOD64) return PROGRAM_TLS_MODULE;
  const symbol = symbolOf(library.path, library.dynamic.symbols, relocation);
  const definition = relocation.symbol === 0 ? ownTls(library, symbol) : resolver.reference(library, symbol);
  switch (type) {
    case x86.R_X86_64_64:
      return definition === undefined ? 0 : definition.value + addend;
    case x86.R_X86_64_GLOB_DAT:
    case x86.R_X86_64_JUMP_SLOT:
      return definition === undefined ? 0 : definition.value;
    case x86.R_X86_64_DTPOFF64:
      return definition === undefined ? 0 : tlsOffset(definition, tls) + addend;
    case x86.R_X86_64_TPOFF64:
      return definition === undefined ? 0 : tlsOffset(definition, tls) + addend - tls.belowThreadPointer;
    default:
      throw unknownType(library.path, relocation, symbol);
  }
}

/** A TLS relocation without a symbol counts from the library's own template. */
const ownTls = (library: Placed, symbol: Symbol): Definition => ({ symbol, owner: library, value: 0 });

function settle(program: Program, relocation: Relocation, definition: Definition, tls: TlsTemplate): void {
  const { file } = program;
  const { offset, addend } = relocation;
  switch (relocation.type) {
    case x86.R_X86_64_COPY:
      copy(program, offset, definition);
      break;
    case x86.R_X86_64_64:
      writeU64(file.view, file.offsetOf(offset, 8), definition.value + addend);
      break;
    case x86.R_X86_64_GLOB_DAT:
    case x86.R_X86_64_JUMP_SLOT:
      writeU64(file.view, file.offsetOf(offset, 8), definition.value);
      break;
    case x86.R_X86_64_DTPMOD64:
      writeU64(file.view, file.offsetOf(offset, 8), PROGRAM_TLS_MODULE);
      break;
    case x86.R_X86_64_DTPOFF64:
      writeU64(file.view, file.offsetOf(offset, 8), tlsOffset(definition, tls) + addend);
      break;
    case x86.R_X86_64_TPOFF64:
      writeU64(file.view, file.offsetOf(offset, 8), tlsOffset(definition, tls) + addend - tls.belowThreadPointer);
      break;
    default:
      throw unknownType(file.name, relocation, definition.symbol);
  }
  file.view.setBigUint64(relocation.at + 8, BigInt(x86.R_X86_64_NONE), true);
}

/** A COPY gives the program its own copy of a library's object, with the library's relocations already applied to it. */
function copy(program: Program, offset: number, { symbol, owner }: Definition): void {
  if (typeof owner === "string") return;
  const bytes = owner.image.subarray(symbol.value, symbol.value + symbol.size);
  program.file.bytes.set(bytes, program.file.offsetOf(offset, symbol.size));
}

/** For a COPY the program's own symbol is the destination, so the source is looked for in the libraries alone. */
function definitionFor(program: Program, symbol: Symbol, resolver: Resolver, type: number): Definition | undefined {
  if (type === x86.R_X86_64_COPY) return resolver.lookupLibraries(symbol.name);
  return program.dynamic.exports.has(symbol.name) ? undefined : resolver.lookup(symbol.name);
}

function checkLoaderFinds(program: Program, musl: Placed, symbol: Symbol): void {
  const found = musl.dynamic.exports.has(symbol.name) || (symbol.defined && symbol.name !== "");
  if (!found && symbol.binding !== STB_WEAK) throw undefinedSymbol(program.file.name, symbol.name);
}

/** The template is copied now, so what musl changes in it at start would not be in the copy. */
function checkOutsideTemplate({ file }: Program, { offset }: Relocation, { name }: Symbol): void {
  const inside = file.segmentsOf(PT_TLS).some(({ vaddr, filesz }) => offset >= vaddr && offset < vaddr + filesz);
  if (inside) throw new LinkError(`${file.name}: a thread-local variable is initialised with the address of ${name}, which is known only at start; this linker cannot do that`);
}

function tlsOffset({ owner, value }: Definition, tls: TlsTemplate): number {
  const part = typeof owner === "string" ? tls.program : (tls.libraries.get(owner) ?? 0);
  return part + value;
}

function symbolOf(path: string, symbols: readonly Symbol[], { symbol: index }: Relocation): Symbol {
  const symbol = symbols[index];
  if (symbol === undefined) throw new LinkError(`${path}: a relocation names symbol ${index} of ${symbols.length}; the file is damaged`);
  return symbol;
}

function unknownType(path: string, { type, offset }: Relocation, symbol: Symbol): LinkError {
  const about = symbol.name === "" ? "" : ` against ${symbol.name}`;
  return new LinkError(
    `${path}: relocation type ${type}${about} at 0x${offset.toString(16)} is not one this linker knows; use the libraries of Debian 12 or of Alpine`,
  );
}
