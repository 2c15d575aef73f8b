import type { Routine } from "../arch/architecture.ts";
import type { Segment } from "../elf/file.ts";
import { assemble, fieldsOf, type Listing, type Values } from "../elf/listing.ts";
import { Chunk } from "./chunk.ts";
import { LinkError } from "./error.ts";
import { type GivenFlags, isOn } from "./flags.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";

/** What the code at the entry hands to musl. */
export type EntryAddresses = {
  /** Where musl's ELF header and its first instruction lie. */
  readonly muslBase: number;
  readonly muslEntry: number;
  /** e_entry of the program as it was. */
  readonly programEntry: number;
  /** The number of program headers that musl's loader is to see: more than the kernel does. */
  readonly phnum: number;
};

/**
 * The code added to a program: the routines that relocations and substitutes lead to, then the code at e_entry. The
 * kernel enters that with the initial stack: argc, argv, NULL, envp, NULL, auxv. With no PT_INTERP it says AT_BASE 0,
 * and musl would take itself for a command that was given a program to run; so AT_BASE and AT_ENTRY are set to what
 * they were had the kernel loaded musl, and musl is entered. What comes before that are the flags of the user. Every
 * part leaves the stack pointer at argc.
 */
export class Code extends Chunk {
  readonly size: number;
  private readonly routines: readonly (readonly [Routine, Listing])[];
  private readonly entryParts: readonly Listing[];

  /** `answers`: what stands in for names, routines among them. `fields`: addresses of what is made for the routines. */
  constructor(
    private readonly program: Program,
    private readonly musl: Placed,
    flags: GivenFlags,
    answers: ReadonlySet<unknown>,
    private readonly fields: () => ReadonlyMap<string, number>,
  ) {
    super();
    const { routines, entry } = program.architecture;
    this.routines = [...routines].filter(([name]) => ALWAYS.includes(name) || answers.has(name));
    this.entryParts = [
      ...(isOn(flags, "blockSignals") ? [entry.blockSignals] : []),
      ...(isOn(flags, "fillDescriptors") ? [entry.fillDescriptors] : []),
      ...(isOn(flags, "emptyEnvironment") ? [entry.emptyEnvironment] : []),
      entry.findAuxv,
      entry.enterMusl,
    ];
    this.size = this.entryOffset + sum(this.entryParts);
  }

  /** The address of each routine. */
  routineAddresses(): ReadonlyMap<Routine, number> {
    const listings = this.routines.map(([, listing]) => listing);
    return new Map(this.routines.map(([name], index) => [name, this.address + sum(listings.slice(0, index))]));
  }

  /** e_entry. */
  get entry(): number {
    return this.address + this.entryOffset;
  }

  /** `segments`: all program headers. */
  start(segments: readonly Segment[]): EntryAddresses {
    return {
      muslBase: this.musl.base,
      muslEntry: this.musl.base + this.musl.file.entry,
      programEntry: this.program.file.entry,
      phnum: segments.length,
    };
  }

  write(bytes: Uint8Array, segments: readonly Segment[]): void {
    const { muslBase, muslEntry, programEntry, phnum } = this.start(segments);
    const own = { musl_base: muslBase, musl_entry: muslEntry, program_entry: programEntry, phnum };
    const values = this.values();
    bytes.set(
      Buffer.concat([
        ...this.routines.map(([, listing]) => assemble(listing, values)),
        ...this.entryParts.map((part) => assemble(part, own)),
      ]),
    );
  }

  /** In bytes, behind the routines. */
  private get entryOffset(): number {
    return sum(this.routines.map(([, listing]) => listing));
  }

  /**
   * The fields of the routines: what was made for them, and musl's functions.
   * @throws LinkError when musl has one not.
   */
  private values(): Values {
    const made = this.fields();
    const names = new Set(this.routines.flatMap(([, listing]) => fieldsOf(listing)));
    return Object.fromEntries(
      [...names].map((name) => {
        const symbol = this.musl.dynamic.exports.get(name);
        const value = made.get(name) ?? (symbol === undefined ? undefined : this.musl.base + symbol.value);
        if (value === undefined)
          throw new LinkError(
            `${this.musl.path}: it has no function ${name}, which addons need; use musl 1.2, or link without ` +
              "addons: --no-addons",
          );
        return [name, value];
      }),
    );
  }
}

/** The routines that relocations lead to, besides the substitutes. */
const ALWAYS: readonly Routine[] = ["trap", "tlsDescriptor"];

const sum = (listings: readonly Listing[]) => listings.reduce((size, listing) => size + sizeOf(listing), 0);

const sizes = new Map<Listing, number>();

/** Bytes of a listing, counted once: no field's value changes it. */
function sizeOf(listing: Listing): number {
  const size =
    sizes.get(listing) ?? assemble(listing, Object.fromEntries(fieldsOf(listing).map((field) => [field, 0]))).length;
  sizes.set(listing, size);
  return size;
}
