/** The name and the version of the map's format. The version is another as soon as a field is gone or means something else. */
export const FORMAT = { format: "pause-map", formatVersion: 1 } as const;

/** Where the bytes of a page come from, and the word for each. */
export const ORIGINS = {
  stub: "ELF header, program headers, stub",
  typescript: "compiled from TypeScript",
  "call-stubs": "bun:ffi's call stubs",
  musl: "musl's code",
  "musl-data": "musl's data",
  "runtime-data": "the runtime's data",
  heap: "data of the virtual machine",
  "c-memory": "C memory: messages, sets, buffers",
  "thread-local": "thread-local storage",
  stack: "stack",
  filling: "beside other pages, for kernels with larger ones",
} as const;
export type Origin = keyof typeof ORIGINS;

/** A function of a library that lies, whole or in part, in a page: its address and size in bytes, and whether one of the scenarios runs any of it. */
export type MappedFunction = {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  readonly runs: boolean;
};

/**
 * A page of 4096 bytes. `address`: where a kernel with such pages maps it; of filling null, since such a kernel maps it nowhere.
 * `protection`: as /proc/PID/maps has it, without its last letter.
 */
export type MappedPage = {
  readonly address: number | null;
  readonly offset: number;
  readonly protection: string;
  readonly origin: Origin;
  /** Of code of a library's: its name, the page's offset in its memory, and whether the bytes are those of the library's file. */
  readonly library?: { readonly name: string; readonly offset: number; readonly same: boolean };
  /** Those that the library's table of dynamic symbols names. */
  readonly functions: readonly MappedFunction[];
  /** Indices of the scenarios that touch it. */
  readonly scenarios: readonly number[];
};

/** A system call of a scenario's. `args`: six registers in order; how many of them count is the call's matter. `at`: its instruction. `by`: the function or the origin it stands in. */
export type MappedCall = {
  readonly call: string;
  readonly args: readonly number[];
  readonly at: number;
  readonly by: string;
  readonly woken: boolean;
};

/** A run of the file. `instructions`: executed, by the origin of their page. `faults`: page faults from the first instruction to the exit, on the kernel it was seen on. */
export type MappedScenario = {
  readonly name: string;
  readonly calls: readonly MappedCall[];
  readonly instructions: Readonly<Partial<Record<Origin, number>>>;
  readonly faults: number;
};

/** Bytes in an executable page that make a system call when executed, at any place where the processor can begin. `calls`: those that the scenarios make there; none when it is not run. */
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
  /** The file's pages in order. */
  readonly pages: readonly MappedPage[];
  readonly scenarios: readonly MappedScenario[];
  readonly callSites: readonly CallSite[];
  /** How many different instructions the scenarios execute, all together. */
  readonly executedInstructions: number;
};
