/**
 * The name and version of the map's format. The version changes as soon as a field is removed or changes its meaning.
 */
export const FORMAT = { format: "pause-map", formatVersion: 2 } as const;

/** The origins of bytes, and the words for each. */
export const ORIGINS = {
  headers: "ELF header, program headers",
  stub: "stub",
  musl: "musl's functions, from libc.a",
  template: "template of the data",
  "call-stubs": "bun:ffi's call stubs",
  typescript: "compiled from TypeScript",
  data: "data: the stack, and what the template fills",
  sections: "names of the sections, section headers",
} as const;
export type Origin = keyof typeof ORIGINS;

/** A function of the C library: its address and size in bytes, and whether any scenario runs part of it. */
export type MappedFunction = {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly runs: boolean;
};

/**
 * A part of the file, or of memory that is not in it. `address`: where it is mapped, or null. `offset`: where it lies
 * in the file, or null. `protection`: as in /proc/PID/maps, without its last letter.
 */
export type MappedPart = {
  readonly address: number | null;
  readonly offset: number | null;
  readonly size: number;
  readonly protection: string;
  readonly origin: Origin;
  /** The C library's functions in this part. */
  readonly functions: readonly MappedFunction[];
};

/** A page of 4096 bytes in memory, and the indices of the scenarios that touch it. */
export type MappedPage = {
  readonly address: number;
  readonly protection: string;
  readonly scenarios: readonly number[];
};

/**
 * A system call of a scenario. `args`: six registers in order; how many of them count depends on the call. `at`: its
 * instruction. `by`: the function or the origin that contains it.
 */
export type MappedCall = {
  readonly call: string;
  readonly args: readonly number[];
  readonly at: number;
  readonly by: string;
  readonly woken: boolean;
};

/**
 * A run of the file. `instructions`: how many were executed, by origin. `faults`: page faults from the first
 * instruction to the exit, on the kernel of that run.
 */
export type MappedScenario = {
  readonly name: string;
  readonly calls: readonly MappedCall[];
  readonly instructions: Readonly<Partial<Record<Origin, number>>>;
  readonly faults: number;
};

/**
 * Bytes in an executable page that make a system call if executed, at any place where an instruction can begin.
 * `calls`: the calls that the scenarios make there; none if they do not run it.
 */
export type CallSite = {
  readonly address: number;
  readonly bytes: string;
  readonly by: string;
  readonly calls: readonly string[];
};

/** The map of one file. All numbers are decimal; addresses, offsets and sizes in bytes. */
export type PauseMap = typeof FORMAT & {
  readonly version: string;
  /** Its name in Debian and OCI. */
  readonly architecture: string;
  readonly file: { readonly bytes: number; readonly sha256: string; readonly entry: number };
  /** The source of the pages. */
  readonly linked: { readonly sha256: string };
  /** The parts of the file in order, then those that are only in memory. */
  readonly parts: readonly MappedPart[];
  readonly pages: readonly MappedPage[];
  readonly scenarios: readonly MappedScenario[];
  readonly callSites: readonly CallSite[];
  /** How many different instructions all scenarios together execute. */
  readonly executedInstructions: number;
};
