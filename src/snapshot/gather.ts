import type { Architecture } from "../arch/architecture.ts";
import type { Registers } from "../arch/processor.ts";
import { hex } from "../elf/file.ts";
import { UserError } from "../support/error.ts";
import { addressIn, withAddress } from "./call-frame.ts";
import type { DonorMemory, Page } from "./memory.ts";
import { type Access, REACH } from "./trace.ts";

const WORD = 8;
const wordDown = (address: number) => address - (address % WORD);
const wordUp = (address: number) => wordDown(address + WORD - 1);

/** Where the program continues: its registers, and its frame, from the stack pointer to the end of its arguments. */
export type Root = { readonly registers: Registers; readonly frame: Span };

/** Memory from `start` up to, not including, `end`. */
export type Span = { readonly start: number; readonly end: number };

/** Memory reached from `bases`: addresses in registers, words or code. */
type Region = Span & { readonly bases: readonly number[] };

/**
 * Everything that the program uses, copied together: `bytes`, for the address `address`, and the new address of each of
 * the donor's.
 */
export type Gathered = {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly moved: ReadonlyMap<number, number>;
};

/**
 * Copies together what the program uses of the donor's memory, like a copying collector with the frame as its root.
 * `accesses` tell what is reached and from where; nobody's structure layouts are assumed. A reference is a register at
 * the checkpoint, a word that is copied itself (an address, or one as a JavaScript number), or a constant in code.
 */
export class Gathering {
  private readonly regions: readonly Region[];
  private readonly sources: ReadonlySet<number>;

  /** @throws UserError for memory that no known reference reaches. */
  constructor(
    private readonly architecture: Architecture,
    private readonly memory: DonorMemory,
    private readonly root: Root,
    accesses: readonly Access[],
    code: readonly Page[],
  ) {
    this.sources = new Set([
      ...Object.values(root.registers).map(Number),
      ...this.words(root.frame).flatMap(referencesIn),
      ...accesses.flatMap(({ address, size }) =>
        this.words({ start: wordDown(address), end: wordUp(address + size) }).flatMap(referencesIn),
      ),
    ]);
    const isConstant = new Map<number, boolean>();
    const inCode = (address: number) => {
      const known =
        isConstant.get(address) ?? code.some(({ bytes }) => this.replace(Uint8Array.from(bytes), address, address) > 0);
      isConstant.set(address, known);
      return known;
    };
    const spans = Map.groupBy(accesses, (access) => this.baseOf(access, inCode));
    this.regions = merged([...spans].map(([base, uses]) => regionOf(base, uses)));
  }

  /** Size of everything gathered, bytes. */
  get size(): number {
    const { start, end } = this.root.frame;
    return this.regions.reduce((size, region) => size + region.end - region.start, end - start);
  }

  /** Everything, for the address `address`: the frame first. */
  at(address: number): Gathered {
    const { frame } = this.root;
    const moved = new Map<number, number>();
    let end = address + frame.end - frame.start;
    const placed = this.regions.map((region) => {
      const at = end;
      end += region.end - region.start;
      for (const base of region.bases) moved.set(base, base - region.start + at);
      return { at, region };
    });
    const parts = [{ at: address, region: frame }, ...placed];
    const bytes = new Uint8Array(end - address);
    const view = new DataView(bytes.buffer);
    for (const { at, region } of parts) {
      this.words(region).forEach((word, index) => {
        view.setBigUint64(at - address + index * WORD, this.relocated(word, moved, address - frame.start), true);
      });
    }
    return { address, bytes, moved };
  }

  /** The registers for the addresses in `gathered`. */
  registers({ address, moved }: Gathered): Registers {
    const shift = address - this.root.frame.start;
    return Object.fromEntries(
      Object.entries(this.root.registers).map(([name, value]) => [name, this.relocated(value, moved, shift)]),
    );
  }

  /** `page` of code with its constants changed according to `moved`. */
  code(page: Page, moved: ReadonlyMap<number, number>): Page {
    const bytes = Uint8Array.from(page.bytes);
    for (const [from, to] of moved) this.replace(bytes, from, to);
    return { ...page, bytes };
  }

  private replace(bytes: Uint8Array, from: number, to: number): number {
    return this.architecture.constants.replace(bytes, from, to);
  }

  private words({ start, end }: Span): bigint[] {
    const bytes = this.memory.read(start, end - start);
    return Array.from({ length: (end - start) / WORD }, (_, index) => bytes.readBigUInt64LE(index * WORD));
  }

  private relocated(word: bigint, moved: ReadonlyMap<number, number>, frameShift: number): bigint {
    const { frame } = this.root;
    const value = Number(word);
    if (value >= frame.start && value <= frame.end) return BigInt(value + frameShift);
    const [address = Number.NaN] = referencesIn(word).filter((reference) => moved.has(reference));
    const to = moved.get(address);
    return to === undefined ? word : withAddress(word, to);
  }

  /**
   * The closest of the pointers that could have led to an access and are references; otherwise the closest reference.
   */
  private baseOf({ address, pointers, instruction }: Access, inCode: (address: number) => boolean): number {
    const known = pointers.filter((pointer) => this.sources.has(pointer) || inCode(pointer));
    const near = [...this.sources].filter((source) => Math.abs(source - address) < REACH);
    const base = closest(known, address) ?? closest(near, address);
    if (base === undefined)
      throw new UserError(
        `the donor's instruction at ${hex(instruction)} reaches ${hex(address)} through no reference that ` +
          "is known: see docs/snapshot.md for what a reference is",
      );
    return base;
  }
}

/** The word as an address, and the address it holds as a JavaScript number. */
const referencesIn = (word: bigint): number[] => [Number(word), ...addressIn(word)].filter((value) => value > 0);

/** The highest one at or below `address`; if there is none, the lowest above. */
function closest(pointers: readonly number[], address: number): number | undefined {
  const below = pointers.filter((pointer) => pointer <= address);
  if (below.length > 0) return Math.max(...below);
  return pointers.length > 0 ? Math.min(...pointers) : undefined;
}

function regionOf(base: number, uses: readonly Access[]): Region {
  return {
    start: wordDown(Math.min(...uses.map(({ address }) => address))),
    end: wordUp(Math.max(...uses.map(({ address, size }) => address + size))),
    bases: [base],
  };
}

/** Merges overlapping regions. */
function merged(regions: readonly Region[]): Region[] {
  const all: Region[] = [];
  for (const region of regions.toSorted((a, b) => a.start - b.start)) {
    const last = all.at(-1);
    if (last === undefined || region.start >= last.end) all.push(region);
    else
      all[all.length - 1] = {
        start: last.start,
        end: Math.max(last.end, region.end),
        bases: [...last.bases, ...region.bases],
      };
  }
  return all;
}
