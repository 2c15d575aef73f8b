/** Types of notes, which number the register sets of ptrace(2) too (elf.h). */
export const NT_PRSTATUS = 1;
export const NT_PRFPREG = 2;

/** Where a register stands: in the set of which note, at which byte, of how many bytes. */
export type RegisterPlace = { readonly note: number; readonly at: number; readonly size: 4 | 8 };

/** The registers of a traced process, as PTRACE_GETREGSET gives them, and what each is for in a system call. */
export type Processor = {
  readonly registerSets: readonly { readonly note: number; readonly size: number }[];
  readonly registers: ReadonlyMap<string, RegisterPlace>;
  readonly programCounter: string;
  readonly stackPointer: string;
  readonly framePointer: string;
  readonly threadPointer: string;
  /** Where a function finds its return address; on the stack, where there is no such register. */
  readonly linkRegister?: string;
  /** The number of a system call at its entry; -1 there makes the kernel skip it. */
  readonly systemCall: string;
  readonly arguments: readonly string[];
  readonly result: string;
  /** The instruction that makes a system call, and the register that has its number there. */
  readonly systemCallInstruction: Uint8Array;
  readonly systemCallNumber: string;
  /** Instructions begin at multiples of so many bytes. */
  readonly instructionAlignment: number;
  /**
   * All instructions that ask the kernel for something: what they look like, and how many bytes that is to be seen by.
   */
  readonly kernelEntries: readonly {
    readonly name: string;
    readonly size: number;
    readonly matches: (bytes: Uint8Array) => boolean;
  }[];
};

/** The values of registers by name. */
export type Registers = Readonly<Record<string, bigint>>;

/**
 * The processor that a donor sees, whatever it runs on. `cpuQueries`: the instructions that ask a processor what it is,
 * and what each then sets registers to; `illegal` stands in their places, and raises SIGILL.
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
