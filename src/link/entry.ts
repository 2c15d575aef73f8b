import type { Architecture, Routine } from "../arch/architecture.ts";
import { assemble } from "../elf/listing.ts";

/**
 * The code at e_entry of a linked file. The kernel enters with the initial stack: argc, argv, NULL, envp, NULL, auxv. With
 * no PT_INTERP it says AT_BASE 0, and musl would take itself for a command that was given a program to run; so AT_BASE and
 * AT_ENTRY are set to what they were had the kernel loaded musl, and musl is entered. What comes before that are the
 * options of the stage. Every part leaves the stack pointer at argc.
 */
export type EntryOptions = {
  /** Block SIGINT and SIGTERM before anything else, so that a program that takes them with sigwait loses none. */
  readonly blockSignals: boolean;
  /** Open the root directory (O_PATH, O_CLOEXEC) on those of descriptors 0 to 2 that are closed: the runtime would look for /dev/null. */
  readonly fillDescriptors: boolean;
  /** Make every environment string empty where it stands, so that no variable reaches the runtime or musl. */
  readonly emptyEnvironment: boolean;
  /** Move to a stack of its own at a fixed address, with argc to AT_NULL copied. */
  readonly ownStack: boolean;
  /** Hide the vdso (AT_SYSINFO_EHDR becomes AT_IGNORE), so that no pointer into it is ever taken. */
  readonly hideVdso: boolean;
};

export const ORDINARY_ENTRY: EntryOptions = {
  blockSignals: false,
  fillDescriptors: false,
  emptyEnvironment: false,
  ownStack: false,
  hideVdso: false,
};

/** The stack of its own: 1 MiB at 4 GiB, above every segment and below where the kernel puts anything. Bytes. */
export const OWN_STACK = { base: 0x1_0000_0000, size: 0x10_0000 };

export type EntryAddresses = {
  /** Where musl's ELF header and its first instruction lie. */
  readonly muslBase: number;
  readonly muslEntry: number;
  /** e_entry of the program as it was. */
  readonly programEntry: number;
};

/** Where in the code each of the architecture's routines begins, in bytes: they lie in front of the entry. */
export function routineOffsets({ routines }: Architecture): ReadonlyMap<Routine, number> {
  const offsets = new Map<Routine, number>();
  let offset = 0;
  for (const [name, listing] of routines) {
    offsets.set(name, offset);
    offset += assemble(listing).length;
  }
  return offsets;
}

/** The routines, then the entry code; `entry` is where that begins, in bytes. */
export function entryCode({ entry, routines }: Architecture, options: EntryOptions, addresses: EntryAddresses): { code: Uint8Array; entry: number } {
  const parts = [
    ...(options.blockSignals ? [entry.blockSignals] : []),
    ...(options.fillDescriptors ? [entry.fillDescriptors] : []),
    ...(options.emptyEnvironment ? [entry.emptyEnvironment] : []),
    entry.findAuxv,
    ...(options.hideVdso ? [entry.hideVdso] : []),
    ...(options.ownStack ? [entry.ownStack, entry.findAuxv] : []),
    entry.enterMusl,
  ];
  const values = {
    stack_base: OWN_STACK.base,
    stack_size: OWN_STACK.size,
    musl_base: addresses.muslBase,
    musl_entry: addresses.muslEntry,
    program_entry: addresses.programEntry,
  };
  const first = Buffer.concat([...routines.values()].map((listing) => assemble(listing)));
  return { code: Buffer.concat([first, ...parts.map((part) => assemble(part, values))]), entry: first.length };
}
