import type { Architecture, Routine } from "../arch/architecture.ts";
import { assemble, fieldsOf, type Listing, type Values } from "../elf/listing.ts";

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
};

export const ORDINARY_ENTRY: EntryOptions = {
  blockSignals: false,
  fillDescriptors: false,
  emptyEnvironment: false,
};

export type EntryAddresses = {
  /** Where musl's ELF header and its first instruction lie. */
  readonly muslBase: number;
  readonly muslEntry: number;
  /** e_entry of the program as it was. */
  readonly programEntry: number;
  /** The number of program headers that musl's loader is to see: more than the kernel does. */
  readonly phnum: number;
};

/** The code added to a program: the routines it uses, then the entry. */
export class Code {
  private readonly routines: readonly (readonly [Routine, Listing])[];

  constructor(
    private readonly architecture: Architecture,
    private readonly options: EntryOptions,
    used: ReadonlySet<Routine>,
  ) {
    this.routines = [...architecture.routines].filter(([name]) => used.has(name));
  }

  /** Where each routine begins, in bytes. */
  routineOffsets(): ReadonlyMap<Routine, number> {
    const offsets = new Map<Routine, number>();
    let offset = 0;
    for (const [name, listing] of this.routines) {
      offsets.set(name, offset);
      offset += sizeOf(listing);
    }
    return offsets;
  }

  /** Where the entry begins, in bytes. */
  get entryOffset(): number {
    return this.routines.reduce((sum, [, listing]) => sum + sizeOf(listing), 0);
  }

  get size(): number {
    return this.entryOffset + this.entryParts().reduce((sum, listing) => sum + sizeOf(listing), 0);
  }

  /** The names of the fields that the routines want filled: functions of musl's, and what the stage adds. */
  fields(): ReadonlySet<string> {
    return new Set(this.routines.flatMap(([, listing]) => fieldsOf(listing)));
  }

  /** The bytes, with `values` for the routines' fields. */
  bytes(values: Values, addresses: EntryAddresses): Uint8Array {
    const own = {
      musl_base: addresses.muslBase,
      musl_entry: addresses.muslEntry,
      program_entry: addresses.programEntry,
      phnum: addresses.phnum,
    };
    return Buffer.concat([
      ...this.routines.map(([, listing]) => assemble(listing, values)),
      ...this.entryParts().map((part) => assemble(part, own)),
    ]);
  }

  private entryParts(): Listing[] {
    const {
      options,
      architecture: { entry },
    } = this;
    return [
      ...(options.blockSignals ? [entry.blockSignals] : []),
      ...(options.fillDescriptors ? [entry.fillDescriptors] : []),
      ...(options.emptyEnvironment ? [entry.emptyEnvironment] : []),
      entry.findAuxv,
      entry.enterMusl,
    ];
  }
}

const sizes = new Map<Listing, number>();

/** Bytes of a listing, counted once: no field's value changes it. */
function sizeOf(listing: Listing): number {
  const size =
    sizes.get(listing) ?? assemble(listing, Object.fromEntries(fieldsOf(listing).map((field) => [field, 0]))).length;
  sizes.set(listing, size);
  return size;
}
