import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { dropNeeded } from "../elf/dynamic.ts";
import { type Segment, writeU64 } from "../elf/file.ts";
import { pageUp } from "../elf/pages.ts";
import { writeSegments } from "../elf/write.ts";
import { entryCode, type EntryOptions, routineOffsets } from "./entry.ts";
import { endOfProgram, loadSegment, type Piece, type Placed, pieces, place } from "./layout.ts";
import { CXX_LIBRARIES, findLibrary } from "./libraries.ts";
import { type Program, readProgram } from "./program.ts";
import { relocateLibrary, relocateProgram } from "./relocate.ts";
import { Resolver } from "./resolve.ts";
import { roundUp, type TlsTemplate, tlsTemplate } from "./tls.ts";

/** The folders to look in for libraries of `architecture`, in order. */
export type LibraryDirs = (architecture: Architecture) => readonly string[];

/** The linked file, and the paths of the libraries that went into it. */
export type Linked = { readonly bytes: Uint8Array; readonly libraries: readonly string[] };

/**
 * Links the Bun executable `input` (named `name` in errors) with the libraries found in `libraryDirs`: the result has no
 * interpreter and looks for no file.
 * @throws LinkError or ElfError, with what was found and what to do.
 */
export function link(name: string, input: Uint8Array, libraryDirs: LibraryDirs, options: EntryOptions): Linked {
  const program = readProgram(name, input);
  const { architecture } = program;
  const dirs = libraryDirs(architecture);
  const found = [...CXX_LIBRARIES, architecture.muslLoader].map((soname) => findLibrary(soname, dirs, architecture));

  // Everything added lies behind the program: the libraries, then one read-only part for data and one for code.
  const { address, distance } = endOfProgram(architecture, program.file);
  const { placed, end } = place(architecture, found, address);
  const cxx = placed.filter(({ soname }) => soname !== architecture.muslLoader);
  const musl = placed.filter(({ soname }) => soname === architecture.muslLoader)[0] ?? missing(architecture.muslLoader);
  const tls = tlsTemplate(architecture, program.file, cxx);
  const head = planHead(program, placed, tls, end);

  // All addresses are known now: fill in what needs them.
  const routines = new Map([...routineOffsets(architecture)].map(([routine, offset]) => [routine, head.codeAt + offset]));
  const resolver = new Resolver(program, placed, { routines, zeroByte: head.zeroByteAt });
  for (const library of cxx) relocateLibrary(program, library, resolver, tls);
  relocateProgram(program, cxx, musl, resolver, tls);
  dropNeeded(program.file, CXX_LIBRARIES);

  // The code the kernel enters, and the file with its new program headers.
  const { code, entry } = entryCode(architecture, options, { muslBase: musl.base, muslEntry: musl.base + musl.file.entry, programEntry: program.file.entry });
  const added: Piece[] = [
    ...placed.flatMap((library) => pieces(architecture, library)),
    { vaddr: head.at, flags: elf.PF_R, bytes: new Uint8Array(head.size) },
    { vaddr: head.codeAt, flags: elf.PF_R | elf.PF_X, bytes: padded(code, architecture.maxPageSize) },
  ];
  const bytes = writeFile(program, added, distance);
  bytes.set(tlsTemplate(architecture, program.file, cxx).bytes, head.tlsAt - distance);
  const view = new DataView(bytes.buffer);
  const segments = programHeaders(program, added, head, tls, distance);
  writeSegments(view, head.at - distance, segments);
  pointHeader(view, head.codeAt + entry, head.at - distance, segments.length);
  return { bytes, libraries: found.map(({ path }) => path) };
}

/** The read-only data behind the libraries: program headers, TLS template, a zero byte; the code follows on a page of its own. */
type Head = { readonly at: number; readonly size: number; readonly tlsAt: number; readonly zeroByteAt: number; readonly codeAt: number };

function planHead({ architecture, file }: Program, placed: readonly Placed[], tls: TlsTemplate, at: number): Head {
  const count = file.segments.length + placed.flatMap((library) => pieces(architecture, library)).length + 2;
  const tlsAt = roundUp(at + count * elf.PHDR_SIZE, Math.max(tls.align, 16)) + tls.phase;
  const zeroByteAt = tlsAt + tls.bytes.length;
  const size = pageUp(zeroByteAt + 1, architecture.maxPageSize) - at;
  return { at, size, tlsAt, zeroByteAt, codeAt: at + size };
}

function writeFile(program: Program, added: readonly Piece[], distance: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(...added.map(({ vaddr, bytes }) => vaddr - distance + bytes.length)));
  for (const { offset, filesz } of program.file.segmentsOf(elf.PT_LOAD)) {
    bytes.set(program.file.bytes.subarray(offset, offset + filesz), offset);
  }
  for (const piece of added) bytes.set(piece.bytes, piece.vaddr - distance);
  return bytes;
}

/** PT_PHDR first and PT_LOAD in ascending order, as the gABI asks; the program's own entries otherwise as they were. */
function programHeaders(program: Program, added: readonly Piece[], head: Head, tls: TlsTemplate, distance: number): Segment[] {
  const kept = program.file.segments.filter(({ type }) => ![elf.PT_PHDR, elf.PT_INTERP, elf.PT_LOAD, elf.PT_TLS].includes(type));
  const loads = [...program.file.segmentsOf(elf.PT_LOAD), ...added.map((piece) => loadSegment(program.architecture, piece, distance))];
  const template: Segment = {
    type: elf.PT_TLS,
    flags: elf.PF_R,
    offset: head.tlsAt - distance,
    vaddr: head.tlsAt,
    filesz: tls.bytes.length,
    memsz: tls.memsz,
    align: tls.align,
  };
  const size = (1 + loads.length + 1 + kept.length) * elf.PHDR_SIZE;
  const table: Segment = { type: elf.PT_PHDR, flags: elf.PF_R, offset: head.at - distance, vaddr: head.at, filesz: size, memsz: size, align: 8 };
  return [table, ...loads, template, ...kept];
}

/** Points the ELF header at the new entry and table; there are no section headers any more. */
function pointHeader(view: DataView, entry: number, phoff: number, phnum: number): void {
  writeU64(view, 24, entry);
  writeU64(view, 32, phoff);
  writeU64(view, 40, 0);
  view.setUint16(56, phnum, true);
  view.setUint16(58, 0, true);
  view.setUint16(60, 0, true);
  view.setUint16(62, 0, true);
}

function padded(code: Uint8Array, pageSize: number): Uint8Array {
  const page = new Uint8Array(pageUp(code.length, pageSize));
  page.set(code);
  return page;
}

function missing(what: string): never {
  throw new Error(`${what} was not laid out`);
}
