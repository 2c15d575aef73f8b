/**
 * The name and the version of the map's format. The version is another as soon as a field is gone or means something
 * else.
 */
export const FORMAT = { format: "pause-map", formatVersion: 2 } as const;

/** Where bytes come from, and the words for each. */
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

/** A function of the C library's: its address and size in bytes, and whether one of the scenarios runs any of it. */
export type MappedFunction = {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly runs: boolean;
};

/**
 * A part of the file, or of memory that is not in it. `address`: where it is mapped; null where it is not. `offset`:
 * where it lies in the file; null where it does not. `protection`: as /proc/PID/maps has it, without its last letter.
 */
export type MappedPart = {
  readonly address: number | null;
  readonly offset: number | null;
  readonly size: number;
  readonly protection: string;
  readonly origin: Origin;
  /** Those of the C library's that lie in it. */
  readonly functions: readonly MappedFunction[];
};

/** A page of 4096 bytes in memory, and the indices of the scenarios that touch it. */
export type MappedPage = {
  readonly address: number;
  readonly protection: string;
  readonly scenarios: readonly number[];
};

/**
 * A system call of a scenario's. `args`: six registers in order; how many of them count is the call's matter. `at`: its
 * instruction. `by`: the function or the origin it stands in.
 */
export type MappedCall = {
  readonly call: string;
  readonly args: readonly number[];
  readonly at: number;
  readonly by: string;
  readonly woken: boolean;
};

/**
 * A run of the file. `instructions`: executed, by where they come from. `faults`: page faults from the first
 * instruction to the exit, on the kernel it was seen on.
 */
export type MappedScenario = {
  readonly name: string;
  readonly calls: readonly MappedCall[];
  readonly instructions: Readonly<Partial<Record<Origin, number>>>;
  readonly faults: number;
};

/**
 * Bytes in an executable page that make a system call when executed, at any place where the processor can begin.
 * `calls`: those that the scenarios make there; none when it is not run.
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
  /** As Debian and OCI call it. */
  readonly architecture: string;
  readonly file: { readonly bytes: number; readonly sha256: string; readonly entry: number };
  /** What the pages were taken from. */
  readonly linked: { readonly sha256: string };
  /** The parts of the file in order, and behind them those that are in memory alone. */
  readonly parts: readonly MappedPart[];
  readonly pages: readonly MappedPage[];
  readonly scenarios: readonly MappedScenario[];
  readonly callSites: readonly CallSite[];
  /** How many different instructions the scenarios execute, all together. */
  readonly executedInstructions: number;
};
