import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { changeTags, dropNeeded } from "../elf/dynamic.ts";
import type { Segment } from "../elf/file.ts";
import { type SectionTable, sectionTable } from "../elf/sections.ts";
import { AddonSupport } from "./addon-support.ts";
import { Bytes, bytesOf, layOut } from "./chunk.ts";
import { Code, type EntryAddresses } from "./entry.ts";
import { LinkError } from "./error.ts";
import { type GivenFlags, isOn } from "./flags.ts";
import { programHeaders, type Start, startBytes, startOf, visibleCount } from "./headers.ts";
import { placePayload } from "./large.ts";
import { endOfProgram, loadSegment, type Placed, pieces, place } from "./layout.ts";
import { CXX_LIBRARIES, findLibrary } from "./libraries.ts";
import { answerCxxLibraries, answered64, ignoreVariables } from "./loader.ts";
import { Output } from "./output.ts";
import { appendedTo, type Payload } from "./payload.ts";
import { type Program, readProgram } from "./program.ts";
import { checkLoader, relocateLibrary, relocateProgram } from "./relocate.ts";
import { Resolver } from "./resolve.ts";
import { sectionsWithin } from "./sections.ts";
import { substitutes } from "./substitutes.ts";
import { TlsTemplate } from "./tls.ts";

/** Returns the folders to search for libraries of `architecture`, in order. */
export type LibraryDirs = (architecture: Architecture) => readonly string[];

/** The linked file. */
export type Linked = {
  readonly output: Output;
  /** The output in one piece. */
  readonly bytes: Uint8Array;
  /** The paths of the libraries linked into it. */
  readonly libraries: readonly string[];
  readonly architecture: Architecture;
  /** The bundled program inside it. */
  readonly payload: Payload;
  /** What the entry code passes to musl. */
  readonly start: EntryAddresses;
  /** Does the program, one of its libraries, or musl define the name? */
  readonly defines: (name: string) => boolean;
  /** The address of musl's function of that name. @throws LinkError when musl has none. */
  readonly muslFunction: (name: string) => number;
};

/**
 * Links the Bun executable `input` (named `name` in errors) with the libraries found in `libraryDirs`. The result has
 * no interpreter and looks for no file. Changes `input`, which becomes part of the result.
 * @throws LinkError or ElfError, with what was found and what to do.
 */
export function link(name: string, input: Uint8Array, libraryDirs: LibraryDirs, flags: GivenFlags = {}): Linked {
  const program = readProgram(name, input);
  const { architecture, file } = program;
  const { maxPageSize, muslLoader } = architecture;
  const dirs = libraryDirs(architecture);
  const libraries = [...CXX_LIBRARIES, muslLoader].map((soname) => findLibrary(soname, dirs, architecture));

  // The libraries follow the program, in their own segments.
  const { address, distance } = endOfProgram(architecture, file);
  const start = startOf(program, distance);
  const { placed, end } = place(architecture, libraries, address);
  const cxx = placed.filter(({ soname }) => soname !== muslLoader);
  const musl = placed.find(({ soname }) => soname === muslLoader) ?? missing(muslLoader);
  const copied = placed.flatMap((library) => pieces(architecture, library, library !== musl));

  // Then come the chunks that the linker makes, in a segment for each protection.
  const addons = isOn(flags, "addons");
  const answers = substitutes(architecture, addons);
  const tls = new TlsTemplate(architecture, file, cxx);
  const zeroByte = new Bytes(new Uint8Array(1), 1);
  const support = addons ? new AddonSupport(program, cxx, tls) : undefined;
  const code = new Code(program, musl, flags, new Set(answers.table.values()), () => support?.fields ?? new Map());
  const made = layOut(end, maxPageSize, [
    [elf.PF_R, [tls, zeroByte, ...(support?.readOnly ?? [])]],
    [elf.PF_R | elf.PF_X, [code]],
    [elf.PF_R | elf.PF_W, support === undefined ? [] : [support.threads]],
  ]);

  // Everything has its address now, so references can be settled, relocations first.
  const resolver = new Resolver(program, placed, {
    ...answers,
    routines: code.routineAddresses(),
    zeroByte: zeroByte.address,
  });
  checkLoader(program, musl);
  for (const library of cxx) relocateLibrary(program, library, resolver, tls);
  relocateProgram(program, cxx, musl, resolver, tls);

  const names64 = answered64(musl);

  // musl's loader must look for no file, and find in the program what addons want of the C++ libraries.
  dropNeeded(file, CXX_LIBRARIES);
  if (!isOn(flags, "loaderVariables")) ignoreVariables(musl);
  if (support !== undefined) {
    answerCxxLibraries(musl);
    changeTags(file, support.tags);
  }

  // A large payload comes last. The headers describe everything, and the kernel enters at the code.
  const madeEnd = made.reduce((end, { vaddr, size }) => Math.max(end, vaddr + size), end);
  const large = program.moved === undefined ? [] : [placePayload(program.moved, file, madeEnd, maxPageSize)];
  const added = [...copied, ...made, ...large].map((part) => loadSegment(architecture, part, start.address));
  const segments = programHeaders(program, start, added, tls, support?.unwind);
  const parts = [...large, ...copied, ...made.map((part) => ({ vaddr: part.vaddr, bytes: bytesOf(part, segments) }))];
  const output = outputOf(program, start, parts, code.entry, segments);
  return {
    output,
    get bytes() {
      return output.toBytes();
    },
    libraries: libraries.map(({ path }) => path),
    architecture,
    payload: program.payload,
    start: code.start(segments),
    defines: (name) =>
      program.dynamic.exports.has(name) ||
      placed.some(({ dynamic }) => dynamic.exports.has(name)) ||
      names64.includes(name),
    muslFunction: (name) => functionIn(musl, name),
  };
}

function functionIn({ path, base, dynamic }: Placed, name: string): number {
  const symbol = dynamic.exports.get(name);
  if (symbol === undefined) throw new LinkError(`${path}: it has no function ${name}; use musl 1.2`);
  return base + symbol.value;
}

/**
 * The first pages, the program's segments from its own bytes, and the additions. After everything that is loaded
 * follows either a payload that Bun looks for at the end, or section headers. Never both: a tool that trusts the
 * section headers would drop the payload.
 */
function outputOf(
  { architecture, file, payload }: Program,
  start: Start,
  added: readonly { readonly vaddr: number; readonly bytes: Uint8Array }[],
  entry: number,
  segments: readonly Segment[],
): Output {
  const own = file.segmentsOf(elf.PT_LOAD).map(({ offset, filesz }) => ({
    offset: offset + start.shift,
    bytes: file.bytes.subarray(offset, offset + filesz),
  }));
  const loaded = [...own, ...added.map(({ vaddr, bytes }) => ({ offset: vaddr - start.address, bytes }))];
  const loads = segments.filter(({ type }) => type === elf.PT_LOAD);
  const end = Math.max(...loads.map(({ offset, filesz }) => offset + filesz));
  const first = (sections?: SectionTable) => ({
    offset: 0,
    bytes: startBytes(start, architecture.machine, entry, segments, sections),
  });
  if (payload.kind === "appended") {
    const bytes = appendedTo(end + payload.bytes.length, payload.bytes);
    return new Output([first(), ...loaded, { offset: end, bytes }]);
  }
  const headers = elf.EHDR_SIZE + visibleCount(segments) * elf.PHDR_SIZE;
  const sections = sectionTable(sectionsWithin(segments, headers), end);
  return new Output([first(sections), ...loaded, { offset: end, bytes: sections.bytes }]);
}

function missing(what: string): never {
  throw new Error(`${what} was not laid out`);
}
