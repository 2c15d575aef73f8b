import type { Listing } from "../elf/listing.ts";
import type { DescribedProcessor, Processor } from "./processor.ts";

/**
 * All that differs between two processor architectures, as data: the stages ask the record and know no architecture by
 * name. Sizes in bytes.
 */
export type Architecture = {
  /** As messages name it, and the folder of its files here. */
  readonly name: string;
  /** What Debian calls it, and OCI's image specification too. */
  readonly debian: string;
  /** Its one variant in an OCI image index, which tools name or leave out; undefined where there is none. */
  readonly variant: string | undefined;
  /** What GNU's tools for it have before their names, where there are tools for several. */
  readonly gnuTriplet: string;
  /** What process.arch is on it. */
  readonly processArch: NodeJS.Architecture;
  /** What `bun build --compile --target` calls it, with musl. */
  readonly bunTarget: string;
  /** The npm package of that runtime, below @oven, and the name that Bun keeps it under. */
  readonly bunPackage: string;
  /** e_machine of its ELF files (gABI, chapter 4). */
  readonly machine: number;
  /** The largest page its Linux kernels are built with: address and file offset of a segment agree within it. */
  readonly maxPageSize: number;
  /** What each relocation type of its psABI asks for. R_NONE is 0 on all. */
  readonly relocations: ReadonlyMap<number, Relocating>;
  /** The types of the relocations in a file's own tables of addresses (GOT, PLT), which lazy binding may put off. */
  readonly lazyRelocations: ReadonlySet<number>;
  /** The same for object files: the types that occur in what is taken from the C library's archive. */
  readonly objectRelocations: ReadonlyMap<number, ObjectRelocating>;
  /** Where Debian's musl-dev puts that archive. */
  readonly muslArchive: string;
  readonly tls: TlsLayout;
  /** musl's libc, which is its dynamic loader too: the name under which PT_INTERP has it. */
  readonly muslLoader: string;
  /** Debian's folders for its libraries, in the order searched. */
  readonly libraryDirs: readonly string[];
  /** The parts of the code at e_entry of a linked file. */
  readonly entry: Readonly<Record<EntryPart, Listing>>;
  /** Code that relocations and substitutes lead to, in the order in which it is laid out. */
  readonly routines: ReadonlyMap<Routine, Listing>;
  /**
   * How names of glibc's that its C++ libraries import are answered where musl has none, if otherwise than on the
   * others.
   */
  readonly substitutes: Readonly<Record<string, Substitute>>;
  /** Its registers, as ptrace(2) shows them. */
  readonly processor: Processor;
  readonly described: DescribedProcessor;
  /**
   * Linux's numbers of the system calls that the snapshot stage looks at. A name that is not there is a call that is
   * not there.
   */
  readonly systemCalls: Readonly<Record<string, number>>;
  /** Below where any kernel puts a stack, the vdso or a mapping: an address. */
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
 * - tls-descriptor: two words, the address of a function and what it is given: here that same offset
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
 * - got-page: of the word of the global offset table that holds S, the distance of pages of 4096 bytes, for adrp
 * - got-low-12: of that word, its place in its page in units of 8 bytes, for ldr
 */
export type ObjectRelocating = "relative-32" | "branch-26" | "got-page" | "got-low-12";

/**
 * Where the blocks of thread-local variables lie ("ELF Handling for Thread-Local Storage", section 3). Variant I: the
 * first one begins `reserved` bytes behind the thread pointer, or where its alignment allows. Variant II: it ends
 * there.
 */
export type TlsLayout = { readonly variant: "I"; readonly reserved: number } | { readonly variant: "II" };

/** In the order of `src/link/entry.ts`, which says what each does. Every part leaves the stack pointer at argc. */
export type EntryPart = "blockSignals" | "fillDescriptors" | "emptyEnvironment" | "findAuxv" | "enterMusl";

/**
 * trap: ends the process with a signal. returnZero: a function that does nothing and returns 0. tlsDescriptor: the
 * function of a TLS descriptor, which returns the word behind its address. The others do what a function of glibc's
 * does, by means of musl's; a field of their listings is the address of musl's function of that name.
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
  /** Puts the address `to` in the place of each constant that is `from`: how many there were. */
  readonly replace: (code: Uint8Array, from: number, to: number) => number;
};

/**
 * The code that a snapshot starts with: `look` for each further page of its code, then `start`, `copy`, and `resume`
 * with a field for each register it restores. `data`: words of 8 bytes that lie behind it where they cannot lie in it,
 * and at which byte of them those fields lead that are their addresses.
 */
export type Stub = {
  readonly look: Listing;
  readonly start: Listing;
  readonly copy: Listing;
  readonly resume: Listing;
  readonly data: readonly bigint[];
  readonly places: Readonly<Record<string, number>>;
};

/** A routine, a byte that is 0, or another name for what musl has. */
export type Substitute = Routine | "zeroByte" | { readonly alias: string };

/** How QEMU emulates a machine of it, and what Debian has for that. */
export type Emulator = {
  readonly program: string;
  /** Debian's package of it. */
  readonly package: string;
  /** The model for -cpu that has what every processor of the contract has, and no more. */
  readonly baseline: string;
  /** Arguments that choose the board. */
  readonly board: readonly string[];
  /** Words for the kernel's command line; among them the board's first serial port as console. */
  readonly parameters: readonly string[];
  /**
   * A second one, which takes what is written to `device` in /dev to the character device "port" of QEMU's. Linux has
   * its driver built in.
   */
  readonly secondPort: { readonly arguments: readonly string[]; readonly device: string };
  /** Debian's package of a kernel without drivers for hardware, for such machines. */
  readonly kernelPackage: string;
};
