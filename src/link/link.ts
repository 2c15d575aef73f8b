import type { Architecture, Routine } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { changeTags, dropNeeded } from "../elf/dynamic.ts";
import { type Segment, writeU64 } from "../elf/file.ts";
import type { Values } from "../elf/listing.ts";
import { pageUp } from "../elf/pages.ts";
import { writeSegments } from "../elf/write.ts";
import { type AddonSupport, addonSupport } from "./addon-support.ts";
import { C_LOCALE_SIZE, cLocale } from "./c-locale.ts";
import { Code, type EntryAddresses, type EntryOptions } from "./entry.ts";
import { LinkError } from "./error.ts";
import { endOfProgram, loadSegment, type Piece, type Placed, pieces, place } from "./layout.ts";
import { CXX_LIBRARIES, findLibrary } from "./libraries.ts";
import { answerCxxLibraries, ignoreVariables } from "./loader.ts";
import { Output } from "./output.ts";
import { appendedTo, type Payload } from "./payload.ts";
import { type Program, readProgram } from "./program.ts";
import { Region } from "./region.ts";
import { relocateLibrary, relocateProgram } from "./relocate.ts";
import { Resolver } from "./resolve.ts";
import { substitutes } from "./substitutes.ts";
import { type TlsTemplate, tlsTemplate } from "./tls.ts";

/** The folders to look in for libraries of `architecture`, in order. */
export type LibraryDirs = (architecture: Architecture) => readonly string[];

/** What the linked program can do besides running; off where it is not said. */
export type Features = {
  /**
   * Native addons (and older Buns) find libstdc++ and libgcc_s in the program: their symbols in its own table, their
   * constructors run, exceptions unwound, what musl lacks of glibc done in full.
   */
  readonly addons?: boolean;
  /** musl's loader finds no LD_PRELOAD and no LD_LIBRARY_PATH in the environment. */
  readonly ignoreLoaderVariables?: boolean;
};

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
export function link(
  name: string,
  input: Uint8Array,
  libraryDirs: LibraryDirs,
  options: EntryOptions & Features,
): Linked {
  const program = readProgram(name, input);
  const { architecture, payload } = program;
  const { maxPageSize } = architecture;
  const dirs = libraryDirs(architecture);
  const found = [...CXX_LIBRARIES, architecture.muslLoader].map((soname) => findLibrary(soname, dirs, architecture));

  // Everything added lies behind the program: the libraries, then read-only data, code, and data.
  const { address, distance } = endOfProgram(architecture, program.file);
  const { placed, end } = place(architecture, found, address);
  const cxx = placed.filter(({ soname }) => soname !== architecture.muslLoader);
  const musl = placed.filter(({ soname }) => soname === architecture.muslLoader)[0] ?? missing(architecture.muslLoader);
  const tls = tlsTemplate(architecture, program.file, cxx);
  const answers = substitutes(architecture, options.addons === true);
  const code = new Code(architecture, options, usedRoutines([...answers.table.values()]));
  const plan = planAdded(
    program,
    placed,
    musl,
    tls,
    code,
    end,
    options.addons === true ? addonSupport(program, cxx, tls) : undefined,
  );

  // All addresses are known now: fill in what needs them.
  const routines = new Map([...code.routineOffsets()].map(([routine, offset]) => [routine, plan.codeAt + offset]));
  const resolver = new Resolver(program, placed, { ...answers, routines, zeroByte: plan.zeroByteAt });
  for (const library of cxx) relocateLibrary(program, library, resolver, tls);
  relocateProgram(program, cxx, musl, resolver, tls);
  dropNeeded(program.file, CXX_LIBRARIES);
  if (options.ignoreLoaderVariables === true) ignoreVariables(musl);
  if (plan.support !== undefined) {
    answerCxxLibraries(musl);
    changeTags(program.file, plan.support.fill(plan.data));
  }

  // The file with its new program headers, and the code that the kernel enters.
  plan.data.fill(plan.tlsAt, tlsTemplate(architecture, program.file, cxx).bytes);
  const libraryPieces = placed.flatMap((library) => pieces(architecture, library, library !== musl));
  const codeEnd = plan.codeAt + pageUp(code.size, maxPageSize);
  const data = { vaddr: plan.data.start, flags: elf.PF_R, bytes: new Uint8Array(plan.data.size(maxPageSize)) };
  const added: Piece[] = [
    ...libraryPieces,
    data,
    { vaddr: plan.codeAt, flags: elf.PF_R | elf.PF_X, bytes: new Uint8Array(codeEnd - plan.codeAt) },
    ...(plan.support === undefined
      ? []
      : [{ vaddr: codeEnd, flags: elf.PF_R | elf.PF_W, bytes: new Uint8Array(maxPageSize) }]),
  ];
  const segments = programHeaders(program, added, plan, tls, distance);
  const table = new Uint8Array(segments.length * elf.PHDR_SIZE);
  writeSegments(new DataView(table.buffer), 0, segments);
  plan.data.fill(plan.phdrsAt, table);
  if (plan.localeAt !== undefined) plan.data.fill(plan.localeAt, cLocale(plan.localeAt));
  data.bytes.set(plan.data.bytes(maxPageSize));
  const values = routineValues(code, musl, {
    glibc_c_locale: plan.localeAt ?? 0,
    thread_atexit_once: codeEnd,
    thread_atexit_key: codeEnd + 8,
  });
  const start = {
    muslBase: musl.base,
    muslEntry: musl.base + musl.file.entry,
    programEntry: program.file.entry,
    phnum: segments.length,
  };
  added.find(({ vaddr }) => vaddr === plan.codeAt)?.bytes.set(code.bytes(values, start));
  pointHeader(program.file.view, plan.codeAt + code.entryOffset, plan.phdrsAt - distance, visibleCount(segments));

  const output = outputOf(program, added, distance);
  const defines = (name: string) =>
    program.dynamic.exports.has(name) || placed.some(({ dynamic }) => dynamic.exports.has(name));
  return {
    output,
    libraries: found.map(({ path }) => path),
    architecture,
    payload,
    start,
    defines,
    get bytes() {
      return output.toBytes();
    },
  };
}

/** What is added behind the libraries: read-only data, then code, and behind that a page of data where addons want one. */
type Plan = {
  readonly data: Region;
  readonly phdrsAt: number;
  readonly tlsAt: number;
  readonly zeroByteAt: number;
  readonly localeAt: number | undefined;
  readonly support: AddonSupport | undefined;
  readonly codeAt: number;
};

function planAdded(
  program: Program,
  placed: readonly Placed[],
  musl: Placed,
  tls: TlsTemplate,
  code: Code,
  start: number,
  support: AddonSupport | undefined,
): Plan {
  const { architecture, file } = program;
  const data = new Region(start);
  // At most so many: the program's and a PT_TLS, the libraries', and three added.
  const count =
    file.segments.length + 2 + placed.flatMap((library) => pieces(architecture, library, library !== musl)).length + 3;
  const phdrsAt = data.reserve(count * elf.PHDR_SIZE);
  const tlsAt = data.reserve(tls.bytes.length, Math.max(tls.align, 16), tls.phase);
  const zeroByteAt = data.reserve(1, 1);
  const localeAt = code.fields().has("glibc_c_locale") ? data.reserve(C_LOCALE_SIZE) : undefined;
  support?.reserve(data);
  return { data, phdrsAt, tlsAt, zeroByteAt, localeAt, support, codeAt: start + data.size(architecture.maxPageSize) };
}

function usedRoutines(answers: readonly unknown[]): ReadonlySet<Routine> {
  const all: readonly Routine[] = [
    "trap",
    "returnZero",
    "tlsDescriptor",
    "findObject",
    "threadAtexit",
    "arc4random",
    "newLocale",
    "sameLocale",
  ];
  return new Set(
    all.filter((routine) => routine === "trap" || routine === "tlsDescriptor" || answers.includes(routine)),
  );
}

/** The addresses of musl's functions that the routines call, besides the `own` ones. @throws LinkError when musl has one not. */
function routineValues(code: Code, musl: Placed, own: Record<string, number>): Values {
  const values = [...code.fields()].map((field) => {
    const symbol = musl.dynamic.exports.get(field);
    const value = own[field] ?? (symbol === undefined ? undefined : musl.base + symbol.value);
    if (value === undefined)
      throw new LinkError(
        `${musl.path}: it has no function ${field}, which addons need; use musl 1.2, or link without addons: --no-addons`,
      );
    return [field, value] as const;
  });
  return Object.fromEntries(values);
}

/**
 * PT_PHDR first and PT_LOAD in ascending order, as the gABI asks; the program's own entries otherwise as they were. PT_DYNAMIC
 * comes last: it is for musl's loader, which is told of all of them, and not counted in the ELF header, since the file is
 * not dynamic to anyone else.
 */
function programHeaders(
  program: Program,
  added: readonly Piece[],
  plan: Plan,
  tls: TlsTemplate,
  distance: number,
): Segment[] {
  const taken = [
    elf.PT_PHDR,
    elf.PT_INTERP,
    elf.PT_LOAD,
    elf.PT_TLS,
    elf.PT_DYNAMIC,
    ...(plan.support === undefined ? [] : [elf.PT_GNU_EH_FRAME]),
  ];
  const kept = program.file.segments.filter(({ type }) => !taken.includes(type));
  const loads = [
    ...program.file.segmentsOf(elf.PT_LOAD),
    ...added.map((piece) => loadSegment(program.architecture, piece, distance)),
  ];
  const readOnly = (type: number, vaddr: number, filesz: number, memsz: number, align: number): Segment => ({
    type,
    flags: elf.PF_R,
    offset: vaddr - distance,
    vaddr,
    filesz,
    memsz,
    align,
  });
  const behind = [
    readOnly(elf.PT_TLS, plan.tlsAt, tls.bytes.length, tls.memsz, tls.align),
    ...kept,
    ...(plan.support === undefined
      ? []
      : [readOnly(elf.PT_GNU_EH_FRAME, plan.support.unwindAt, plan.support.unwindSize, plan.support.unwindSize, 4)]),
    ...program.file.segmentsOf(elf.PT_DYNAMIC),
  ];
  const segments = [...loads, ...behind];
  const size = visibleCount([...segments, ...loads.slice(0, 1)]) * elf.PHDR_SIZE;
  return [readOnly(elf.PT_PHDR, plan.phdrsAt, size, size, 8), ...segments];
}

const visibleCount = (segments: readonly Segment[]) => segments.filter(({ type }) => type !== elf.PT_DYNAMIC).length;

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
function outputOf({ file, payload }: Program, added: readonly Piece[], distance: number): Output {
  const own = file
    .segmentsOf(elf.PT_LOAD)
    .map(({ offset, filesz }) => ({ offset, bytes: file.bytes.subarray(offset, offset + filesz) }));
  const image = new Output([...own, ...added.map(({ vaddr, bytes }) => ({ offset: vaddr - distance, bytes }))]);
  if (payload.kind !== "appended") return image;
  return new Output([
    ...image.parts,
    { offset: image.size, bytes: appendedTo(image.size + payload.bytes.length, payload.bytes) },
  ]);
}

function missing(what: string): never {
  throw new Error(`${what} was not laid out`);
}
