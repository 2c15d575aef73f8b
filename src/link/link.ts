import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { changeTags, dropNeeded } from "../elf/dynamic.ts";
import { writeU64 } from "../elf/file.ts";
import { AddonSupport } from "./addon-support.ts";
import { Bytes, bytesOf, layOut } from "./chunk.ts";
import { Code, type EntryAddresses } from "./entry.ts";
import { type GivenFlags, isOn } from "./flags.ts";
import { HeaderTable, programHeaders, visibleCount } from "./headers.ts";
import { endOfProgram, loadSegment, pieces, place } from "./layout.ts";
import { CXX_LIBRARIES, findLibrary } from "./libraries.ts";
import { answerCxxLibraries, ignoreVariables } from "./loader.ts";
import { Output } from "./output.ts";
import { appendedTo, type Payload } from "./payload.ts";
import { type Program, readProgram } from "./program.ts";
import { relocateLibrary, relocateProgram } from "./relocate.ts";
import { Resolver } from "./resolve.ts";
import { substitutes } from "./substitutes.ts";
import { TlsTemplate } from "./tls.ts";

/** The folders to look in for libraries of `architecture`, in order. */
export type LibraryDirs = (architecture: Architecture) => readonly string[];

/** The linked file. */
export type Linked = {
  readonly output: Output;
  /** The output in one piece. */
  readonly bytes: Uint8Array;
  /** The paths of the libraries that went into it. */
  readonly libraries: readonly string[];
  readonly architecture: Architecture;
  /** The bundled program in it. */
  readonly payload: Payload;
  /** What the entry code hands to musl. */
  readonly start: EntryAddresses;
  /** Is the name defined by the program, one of the libraries in it, or musl? */
  readonly defines: (name: string) => boolean;
};

/**
 * Links the Bun executable `input` (named `name` in errors) with the libraries found in `libraryDirs`: the result has no
 * interpreter and looks for no file. `input` is changed, and is part of the result.
 * @throws LinkError or ElfError, with what was found and what to do.
 */
export function link(name: string, input: Uint8Array, libraryDirs: LibraryDirs, flags: GivenFlags = {}): Linked {
  const program = readProgram(name, input);
  const { architecture, file } = program;
  const { maxPageSize, muslLoader } = architecture;
  const dirs = libraryDirs(architecture);
  const libraries = [...CXX_LIBRARIES, muslLoader].map((soname) => findLibrary(soname, dirs, architecture));

  // Behind the program lie the libraries, in segments of their own.
  const { address, distance } = endOfProgram(architecture, file);
  const { placed, end } = place(architecture, libraries, address);
  const cxx = placed.filter(({ soname }) => soname !== muslLoader);
  const musl = placed.find(({ soname }) => soname === muslLoader) ?? missing(muslLoader);
  const copied = placed.flatMap((library) => pieces(architecture, library, library !== musl));

  // Behind these lies what is made here: a segment for each protection, each of chunks.
  const addons = isOn(flags, "addons");
  const answers = substitutes(architecture, addons);
  const headers = new HeaderTable(program, copied.length);
  const tls = new TlsTemplate(architecture, file, cxx);
  const zeroByte = new Bytes(new Uint8Array(1), 1);
  const support = addons ? new AddonSupport(program, cxx, tls) : undefined;
  const code = new Code(program, musl, flags, new Set(answers.table.values()), () => support?.fields ?? new Map());
  const made = layOut(end, maxPageSize, [
    [elf.PF_R, [headers, tls, zeroByte, ...(support?.readOnly ?? [])]],
    [elf.PF_R | elf.PF_X, [code]],
    [elf.PF_R | elf.PF_W, support === undefined ? [] : [support.threads]],
  ]);

  // All has its address: what refers to another part can be settled, first of all by the relocations.
  const resolver = new Resolver(program, placed, {
    ...answers,
    routines: code.routineAddresses(),
    zeroByte: zeroByte.address,
  });
  for (const library of cxx) relocateLibrary(program, library, resolver, tls);
  relocateProgram(program, cxx, musl, resolver, tls);

  // musl's loader is to look for nothing, and to find in the program what addons want of the C++ libraries.
  dropNeeded(file, CXX_LIBRARIES);
  if (!isOn(flags, "loaderVariables")) ignoreVariables(musl);
  if (support !== undefined) {
    answerCxxLibraries(musl);
    changeTags(file, support.tags);
  }

  // The headers tell of all of it, and the kernel enters by the code.
  const added = [...copied, ...made].map((part) => loadSegment(architecture, part, distance));
  const segments = programHeaders(program, added, { headers, tls, unwind: support?.unwind }, distance);
  pointHeader(file.view, code.entry, headers.address - distance, visibleCount(segments));

  const parts = [...copied, ...made.map((part) => ({ vaddr: part.vaddr, bytes: bytesOf(part, segments) }))];
  const output = outputOf(program, parts, distance);
  return {
    output,
    get bytes() {
      return output.toBytes();
    },
    libraries: libraries.map(({ path }) => path),
    architecture,
    payload: program.payload,
    start: code.start(segments),
    defines: (name) => program.dynamic.exports.has(name) || placed.some(({ dynamic }) => dynamic.exports.has(name)),
  };
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

/** The program's segments as they lie in its own bytes, what was added, and a payload that Bun looks for at the end. */
function outputOf(
  { file, payload }: Program,
  added: readonly { readonly vaddr: number; readonly bytes: Uint8Array }[],
  distance: number,
): Output {
  const own = file
    .segmentsOf(elf.PT_LOAD)
    .map(({ offset, filesz }) => ({ offset, bytes: file.bytes.subarray(offset, offset + filesz) }));
  const image = new Output([...own, ...added.map(({ vaddr, bytes }) => ({ offset: vaddr - distance, bytes }))]);
  if (payload.kind !== "appended") return image;
  const bytes = appendedTo(image.size + payload.bytes.length, payload.bytes);
  return new Output([...image.parts, { offset: image.size, bytes }]);
}

function missing(what: string): never {
  throw new Error(`${what} was not laid out`);
}
