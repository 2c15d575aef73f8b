import type { Routine } from "../arch/architecture.ts";
import type { Segment } from "../elf/file.ts";
import { assemble, fieldsOf, type Listing, type Values } from "../elf/listing.ts";
import { Chunk } from "./chunk.ts";
import { LinkError } from "./error.ts";
import { type GivenFlags, isOn } from "./flags.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";

/** What the code at the entry passes to musl. */
export type EntryAddresses = {
  /** The addresses of musl's ELF header and first instruction. */
  readonly muslBase: number;
  readonly muslEntry: number;
  /** The program's original e_entry. */
  readonly programEntry: number;
  /** How many program headers musl's loader sees: more than the kernel does. */
  readonly phnum: number;
};

/**
 * The code added to a program: the routines for relocations and substitutes, then the code at e_entry. The kernel
 * enters that with the initial stack: argc, argv, NULL, envp, NULL, auxv. Without PT_INTERP, the kernel sets AT_BASE to
 * 0, and musl would act as a command that was given a program to run. So the code sets AT_BASE and AT_ENTRY as if the
 * kernel had loaded musl, and enters musl. The user's flags take effect before that. Every part leaves the stack
 * pointer at argc.
 */
export class Code extends Chunk {
  readonly size: number;
  private readonly routines: readonly (readonly [Routine, Listing])[];
  private readonly entryParts: readonly Listing[];

  /** `answers`: what substitutes for names, including routines. `fields`: addresses of the chunks for the routines. */
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

  /** In bytes, after the routines. */
  private get entryOffset(): number {
    return sum(this.routines.map(([, listing]) => listing));
  }

  /**
   * The fields of the routines: addresses of the chunks made for them and of musl's functions.
   * @throws LinkError when musl lacks a function.
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

/** The routines for relocations, besides the substitutes. */
const ALWAYS: readonly Routine[] = ["trap", "tlsDescriptor"];

const sum = (listings: readonly Listing[]) => listings.reduce((size, listing) => size + sizeOf(listing), 0);

const sizes = new Map<Listing, number>();

/** The size of a listing, computed once: no field's value changes it. */
function sizeOf(listing: Listing): number {
  const size =
    sizes.get(listing) ?? assemble(listing, Object.fromEntries(fieldsOf(listing).map((field) => [field, 0]))).length;
  sizes.set(listing, size);
  return size;
}
