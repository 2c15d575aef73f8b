/** Types of notes. They also number the register sets of ptrace(2) (elf.h). */
export const NT_PRSTATUS = 1;
export const NT_PRFPREG = 2;

/** The place of a register: the note of its set, its offset in there, and its size in bytes. */
export type RegisterPlace = { readonly note: number; readonly at: number; readonly size: 4 | 8 };

/** The registers of a traced process, as PTRACE_GETREGSET returns them, and the role of each in a system call. */
export type Processor = {
  readonly registerSets: readonly { readonly note: number; readonly size: number }[];
  readonly registers: ReadonlyMap<string, RegisterPlace>;
  readonly programCounter: string;
  readonly stackPointer: string;
  readonly framePointer: string;
  readonly threadPointer: string;
  /** The register with a function's return address; without one, the address is on the stack. */
  readonly linkRegister?: string;
  /** The register with the number of a system call at its entry; writing -1 makes the kernel skip it. */
  readonly systemCall: string;
  readonly arguments: readonly string[];
  readonly result: string;
  /** The instruction that makes a system call, and the register with its number. */
  readonly systemCallInstruction: Uint8Array;
  readonly systemCallNumber: string;
  /** Instructions begin at multiples of this many bytes. */
  readonly instructionAlignment: number;
  /** All instructions that enter the kernel: how to recognise each, and in how many bytes. */
  readonly kernelEntries: readonly {
    readonly name: string;
    readonly size: number;
    readonly matches: (bytes: Uint8Array) => boolean;
  }[];
};

/** The values of registers, by name. */
export type Registers = Readonly<Record<string, bigint>>;

/**
 * The processor that a donor sees on any machine. `cpuQueries`: the instructions that ask a processor what it is, and
 * the register values that each then gets; `illegal` replaces them and raises SIGILL.
 */
export type DescribedProcessor = {
  /** AT_HWCAP of getauxval(3). */
  readonly hwcap: number;
  readonly illegal: Uint8Array;
  readonly cpuQueries: Readonly<
    Record<
      string,
      { readonly instruction: Uint8Array; readonly answer: (registers: Registers) => Readonly<Record<string, number>> }
    >
  >;
};
