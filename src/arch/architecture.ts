import type { Listing } from "../elf/listing.ts";
import type { DescribedProcessor, Processor } from "./processor.ts";

/**
 * Everything that differs between two processor architectures, as data: the stages read the record and know no
 * architecture by name. Sizes in bytes.
 */
export type Architecture = {
  /** Its name in messages, and the name of its folder here. */
  readonly name: string;
  /** Its name in Debian and in OCI's image specification. */
  readonly debian: string;
  /** Its only variant in an OCI image index, which tools may name or leave out; undefined if it has none. */
  readonly variant: string | undefined;
  /** The prefix of GNU's tools for it, on systems with tools for several. */
  readonly gnuTriplet: string;
  /** The value of process.arch on it. */
  readonly processArch: NodeJS.Architecture;
  /** Its name, with musl, for `bun build --compile --target`. */
  readonly bunTarget: string;
  /** The npm package of that runtime, below @oven; Bun also keeps it under this name. */
  readonly bunPackage: string;
  /** e_machine of its ELF files (gABI, chapter 4). */
  readonly machine: number;
  /** The largest page size of its Linux kernels: a segment's address and file offset agree modulo this. */
  readonly maxPageSize: number;
  /** The meaning of each relocation type of its psABI. R_NONE is 0 on all. */
  readonly relocations: ReadonlyMap<number, Relocating>;
  /** The relocation types in a file's own tables of addresses (GOT, PLT), which lazy binding may postpone. */
  readonly lazyRelocations: ReadonlySet<number>;
  /** The same for object files: the types that occur in what the linker takes from the C library's archive. */
  readonly objectRelocations: ReadonlyMap<number, ObjectRelocating>;
  /** Where Debian's musl-dev installs that archive. */
  readonly muslArchive: string;
  readonly tls: TlsLayout;
  /** musl's libc, which is also its dynamic loader: the name in PT_INTERP. */
  readonly muslLoader: string;
  /** Debian's folders for its libraries, in search order. */
  readonly libraryDirs: readonly string[];
  /** The parts of the code at e_entry of a linked file. */
  readonly entry: Readonly<Record<EntryPart, Listing>>;
  /** Code for relocations and substitutes, in layout order. */
  readonly routines: ReadonlyMap<Routine, Listing>;
  /**
   * Substitutes for names of glibc that its C++ libraries import and musl lacks, if they differ from other
   * architectures'.
   */
  readonly substitutes: Readonly<Record<string, Substitute>>;
  /** Its registers, as ptrace(2) shows them. */
  readonly processor: Processor;
  readonly described: DescribedProcessor;
  /**
   * Linux's numbers of the system calls that the snapshot stage looks at. A call without a name here does not exist.
   */
  readonly systemCalls: Readonly<Record<string, number>>;
  /** An address below any kernel's stack, vdso or mappings. */
  readonly highestAddress: number;
  readonly stub: Stub;
  readonly constants: CodeConstants;
  readonly emulator: Emulator;
};

/**
 * What a relocation writes; S, A and B as the psABIs have them.
 * - address: S + A
 * - copy: the symbol's object itself, S
 * - relative: B + A
 * - tls-module: the number of the module that defines the thread-local variable
 * - tls-offset: its offset in that module's block, S + A
 * - thread-pointer-offset: its offset from the thread pointer, S + A + the block's
 * - tls-descriptor: two words, the address of a function and its argument: here that same offset
 */
export type Relocating =
  | "address"
  | "copy"
  | "relative"
  | "tls-module"
  | "tls-offset"
  | "thread-pointer-offset"
  | "tls-descriptor";

/**
 * What a relocation of an object file writes; S, A, P and GOT as the psABIs have them.
 * - relative-32: S + A - P, in 32 bits
 * - branch-26: S + A - P in words of 4 bytes, in the lowest 26 bits of an instruction
 * - got-page: the distance, in pages of 4096 bytes, to the global offset table's word that holds S, for adrp
 * - got-low-12: that word's place in its page, in units of 8 bytes, for ldr
 */
export type ObjectRelocating = "relative-32" | "branch-26" | "got-page" | "got-low-12";

/**
 * Where the blocks of thread-local variables lie ("ELF Handling for Thread-Local Storage", section 3). Variant I: the
 * first one begins `reserved` bytes after the thread pointer, or where its alignment allows. Variant II: it ends there.
 */
export type TlsLayout = { readonly variant: "I"; readonly reserved: number } | { readonly variant: "II" };

/** In the order of `src/link/entry.ts`, which describes each one. Every part leaves the stack pointer at argc. */
export type EntryPart = "blockSignals" | "fillDescriptors" | "emptyEnvironment" | "findAuxv" | "enterMusl";

/**
 * trap: ends the process with a signal. returnZero: a function that does nothing and returns 0. tlsDescriptor: the
 * function of a TLS descriptor, which returns the word after its address. The others do the work of a function of
 * glibc's by means of musl's; a field in their listings is the address of musl's function of that name.
 */
export type Routine =
  | "trap"
  | "returnZero"
  | "tlsDescriptor"
  | "findObject"
  | "threadAtexit"
  | "arc4random"
  | "newLocale"
  | "sameLocale";

/** Addresses in machine code that a compiler wrote. */
export type CodeConstants = {
  /** Replaces the address in each constant equal to `from` with `to`. Returns how many there were. */
  readonly replace: (code: Uint8Array, from: number, to: number) => number;
};

/**
 * The code that a snapshot starts with: `look` for each further page of its code, then `start`, `copy`, and `resume`
 * with a field for each register it restores. `data`: words of 8 bytes after the code, if they cannot lie within it,
 * and the byte among them that each address field points to.
 */
export type Stub = {
  readonly look: Listing;
  readonly start: Listing;
  readonly copy: Listing;
  readonly resume: Listing;
  readonly data: readonly bigint[];
  readonly places: Readonly<Record<string, number>>;
};

/** A routine, a zero byte, or another name of something in musl. */
export type Substitute = Routine | "zeroByte" | { readonly alias: string };

/** How QEMU emulates a machine of this architecture, and Debian's packages for that. */
export type Emulator = {
  readonly program: string;
  /** Debian's package of the emulator. */
  readonly package: string;
  /** The -cpu model with the features that the contract requires, and no more. */
  readonly baseline: string;
  /** Arguments that select the board. */
  readonly board: readonly string[];
  /** Words for the kernel's command line, including the board's first serial port as console. */
  readonly parameters: readonly string[];
  /**
   * A second serial port. It passes what is written to `device` in /dev to QEMU's character device "port". Linux has
   * its driver built in.
   */
  readonly secondPort: { readonly arguments: readonly string[]; readonly device: string };
  /** Debian's package of a kernel for such machines, without drivers for hardware. */
  readonly kernelPackage: string;
};
