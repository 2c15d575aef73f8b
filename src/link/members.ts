import { readFileSync } from "node:fs";
import type { Architecture, ObjectRelocating } from "../arch/architecture.ts";
import { Archive } from "../elf/archive.ts";
import * as elf from "../elf/constants.ts";
import { writeU64 } from "../elf/file.ts";
import {
  type ObjectFile,
  type ObjectRelocation,
  type ObjectSection,
  type ObjectSymbol,
  readObject,
} from "../elf/object.ts";
import { roundUp } from "./chunk.ts";
import { LinkError } from "./error.ts";
import { reason } from "./file.ts";

/** A section of one of the archive's objects, and its place among those taken, in bytes. */
type Taken = { readonly object: ObjectFile; readonly section: ObjectSection; readonly at: number };

/** A symbol, and the object that defines it. */
type Definition = { readonly object: ObjectFile; readonly symbol: ObjectSymbol };

/** Bytes of a word of the global offset table, and the alignment of all functions together. */
const GOT_WORD = 8;
export const MEMBERS_ALIGN = 16;

/**
 * Functions from a C library's archive and everything they refer to, side by side. A static linker takes whole objects;
 * this takes single sections. None may have writable data, because they lie among code.
 */
export class Members {
  private readonly objects = new Map<string, ObjectFile>();
  private readonly taken: Taken[] = [];
  private readonly got = new Map<string, number>();
  private end = 0;

  /**
   * Takes `names` from the archive at `path`.
   * @throws LinkError or ElfError when the archive lacks one, or one cannot be taken.
   */
  constructor(
    private readonly architecture: Architecture,
    private readonly path: string,
    readonly names: readonly string[],
  ) {
    const archive = new Archive(path, readArchive(path));
    for (const name of names) this.take(archive, this.definition(archive, name));
    this.end = roundUp(this.end, GOT_WORD);
    for (const { symbol, type } of this.taken.flatMap((taken) => relocationsOf(taken))) {
      if (!this.kindOf(type, symbol).startsWith("got-") || this.got.has(symbol.name)) continue;
      this.got.set(symbol.name, this.end);
      this.end += GOT_WORD;
    }
  }

  /** In bytes. */
  get size(): number {
    return this.end;
  }

  /** The offset of the function `name`, in bytes from the first. */
  offsetOf(name: string): number {
    for (const { object, symbol } of this.defined(name)) {
      const home = this.taken.find((taken) => taken.object === object && taken.section.index === symbol.section);
      if (home !== undefined) return home.at + symbol.value;
    }
    throw new LinkError(`${this.path}: what was taken from it does not define ${name}`);
  }

  /**
   * Everything that was taken, by its name in the objects: the requested functions and what they refer to. Names that
   * begin with $ mark where code and data begin (aaelf64, section 5.5.5).
   */
  functions(): { readonly name: string; readonly offset: number; readonly size: number }[] {
    return this.taken.map(({ object, section, at }) => {
      const here = object.symbols.filter(({ section: of, name }) => of === section.index && /^[^$]/.test(name));
      const asked = here.find(({ name }) => this.names.includes(name)) ?? here[0];
      return { name: asked?.name ?? "", offset: at, size: section.bytes.length };
    });
  }

  /** The bytes for the address `address`, a multiple of MEMBERS_ALIGN. */
  bytes(address: number): Uint8Array {
    const bytes = new Uint8Array(this.end);
    const view = new DataView(bytes.buffer);
    for (const { section, at } of this.taken) bytes.set(section.bytes, at);
    for (const [name, at] of this.got) writeU64(view, at, address + this.offsetOf(name));
    for (const taken of this.taken)
      for (const relocation of relocationsOf(taken)) this.relocate(view, taken, relocation, address);
    return bytes;
  }

  private take(archive: Archive, { object, symbol }: Definition): void {
    if (this.taken.some((taken) => taken.object === object && taken.section.index === symbol.section)) return;
    const section = object.sections.find(({ index }) => index === symbol.section);
    if (section === undefined) throw new LinkError(`${this.path}: ${symbol.name} is not in a loaded section`);
    const at = roundUp(this.end, Math.min(Math.max(section.align, 1), MEMBERS_ALIGN));
    const taken = { object, section, at };
    this.taken.push(taken);
    this.end = at + section.bytes.length;
    for (const { symbol: other } of relocationsOf(taken))
      this.take(
        archive,
        other.section === elf.SHN_UNDEF ? this.definition(archive, other.name) : { object, symbol: other },
      );
  }

  private definition(archive: Archive, name: string): Definition {
    const [known] = this.defined(name);
    if (known !== undefined) return known;
    const bytes = archive.defining(name);
    if (bytes === undefined) throw new LinkError(`${this.path}: no object in it defines ${name}`);
    this.objects.set(
      name,
      readObject(`${this.path}, the object that defines ${name}`, bytes, this.architecture.machine),
    );
    const [found] = this.defined(name);
    if (found === undefined)
      throw new LinkError(`${this.path}: its symbol table points for ${name} to an object that does not define it`);
    return found;
  }

  private defined(name: string): Definition[] {
    return [...this.objects.values()].flatMap((object) =>
      object.symbols
        .filter(
          (symbol) => symbol.name === name && symbol.section !== elf.SHN_UNDEF && symbol.binding !== elf.STB_LOCAL,
        )
        .map((symbol) => ({ object, symbol })),
    );
  }

  private kindOf(type: number, symbol: ObjectSymbol): ObjectRelocating {
    const kind = this.architecture.objectRelocations.get(type);
    if (kind === undefined) {
      throw new LinkError(
        `${this.path}: ${this.architecture.name} relocation type ${type} against ${symbol.name} is not one ` +
          "this linker knows",
      );
    }
    return kind;
  }

  private relocate(
    view: DataView,
    { object, section, at }: Taken,
    relocation: ObjectRelocation,
    address: number,
  ): void {
    const { type, symbol, addend, offset } = relocation;
    if (offset + 4 > section.bytes.length)
      throw new LinkError(`${this.path}: a relocation against ${symbol.name} lies beyond its section; it is damaged`);
    const kind = this.kindOf(type, symbol);
    const own = this.taken.find((taken) => taken.object === object && taken.section.index === symbol.section);
    const target = own === undefined ? this.offsetOf(symbol.name) : own.at + symbol.value;
    const value = kind.startsWith("got-") ? (this.got.get(symbol.name) ?? 0) : target;
    APPLY[kind](view, at + offset, address + at + offset, address + value + addend);
  }
}

const relocationsOf = ({ object, section }: Taken): readonly ObjectRelocation[] =>
  object.relocations.filter((relocation) => relocation.section === section.index);

/** Replaces the bits of `mask` in the instruction at `at` with those of `value`. */
function setBits(view: DataView, at: number, mask: number, value: number): void {
  view.setUint32(at, ((view.getUint32(at, true) & ~mask) | (value & mask)) >>> 0, true);
}

/** Writes `value`, which is S + A or the word of the global offset table, at `at`. `place` is P. */
const APPLY: Readonly<Record<ObjectRelocating, (view: DataView, at: number, place: number, value: number) => void>> = {
  "relative-32": (view, at, place, value) => view.setInt32(at, value - place, true),
  "branch-26": (view, at, place, value) => setBits(view, at, 0x3ff_ffff, (value - place) >> 2),
  // adrp has the lowest two bits of the distance at bit 29, and the others at bit 5.
  "got-page": (view, at, place, value) => {
    const pages = Math.floor(value / 4096) - Math.floor(place / 4096);
    setBits(view, at, 0x60ff_ffe0, ((pages & 3) << 29) | (((pages >> 2) & 0x7_ffff) << 5));
  },
  "got-low-12": (view, at, _, value) => setBits(view, at, 0x3f_fc00, ((value & 0xfff) >> 3) << 10),
};

/** @throws LinkError when the file is missing or cannot be read. */
function readArchive(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new LinkError(`${path}: cannot be read (${reason(error)}); install Debian's package musl-dev again`);
  }
}
