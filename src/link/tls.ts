import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import type { ElfFile, Segment } from "../elf/file.ts";
import { Chunk, roundUp } from "./chunk.ts";
import type { Placed } from "./layout.ts";

/**
 * The program's TLS template extended with the libraries', on the side that keeps the program's compiled-in offsets
 * from the thread pointer valid. Offsets and sizes in bytes.
 */
export class TlsTemplate extends Chunk {
  readonly size: number;
  override readonly align: number;
  override readonly phase: number;
  readonly memsz: number;
  /** The alignment of the template's segment (p_align). */
  readonly ownAlign: number;
  /** Offset in the template of each owner's part. */
  readonly libraries: ReadonlyMap<Placed, number>;
  readonly program: number;
  /** The start of the template, relative to the thread pointer. */
  readonly fromThreadPointer: number;
  private readonly parts: readonly Part[];

  constructor({ tls }: Architecture, program: ElfFile, libraries: readonly Placed[]) {
    super();
    const own = program.segmentsOf(elf.PT_TLS)[0] ?? NONE;
    const templates = new Map(
      libraries.flatMap((library) => library.file.segmentsOf(elf.PT_TLS).map((segment) => [library, segment] as const)),
    );
    this.ownAlign = Math.max(1, own.align, ...[...templates.values()].map((template) => template.align));
    const layout =
      tls.variant === "I" ? behindProgram(own, templates, tls.reserved) : beforeProgram(own, templates, this.ownAlign);
    this.memsz = layout.memsz;
    this.libraries = layout.libraries;
    this.program = layout.program;
    this.fromThreadPointer = layout.fromThreadPointer;
    this.align = Math.max(this.ownAlign, 16);
    this.phase = modulo(layout.fromThreadPointer, this.ownAlign);
    this.parts = [
      { at: layout.program, size: own.filesz, from: program.bytes, start: own.offset },
      ...[...templates].map(([library, { vaddr, filesz }]) => ({
        ...{ at: layout.libraries.get(library) ?? 0, size: filesz },
        ...{ from: library.image, start: vaddr },
      })),
    ].filter(({ size }) => size > 0);
    this.size = Math.max(0, ...this.parts.map(({ at, size }) => at + size));
  }

  /** Call this after the parts are relocated. */
  write(bytes: Uint8Array): void {
    for (const { at, size, from, start } of this.parts) bytes.set(from.subarray(start, start + size), at);
  }
}

/** `size` bytes of `from`, from `start` on, for the offset `at` in the template. */
type Part = { readonly at: number; readonly size: number; readonly from: Uint8Array; readonly start: number };

type Template = Pick<Segment, "vaddr" | "offset" | "filesz" | "memsz" | "align">;

const NONE: Template = { vaddr: 0, offset: 0, filesz: 0, memsz: 0, align: 1 };

type Layout = Pick<TlsTemplate, "memsz" | "libraries" | "program" | "fromThreadPointer">;

/** Variant II: the template ends at the thread pointer, and the program's part stays at its end. */
function beforeProgram(own: Template, templates: ReadonlyMap<Placed, Template>, align: number): Layout {
  const libraries = new Map<Placed, number>();
  let front = 0;
  for (const [library, template] of templates) {
    front = roundUp(front, Math.max(template.align, 1));
    libraries.set(library, front);
    front += template.memsz;
  }
  const ownSize = roundUp(own.memsz, Math.max(own.align, 1));
  const total = roundUp(front + ownSize, align);
  const program = total - ownSize;
  return { memsz: program + own.memsz, libraries, program, fromThreadPointer: -total };
}

/**
 * Variant I: the template begins after the thread pointer, at the first place congruent to its address modulo its
 * alignment (as static linkers and musl's loader both compute it), and the program's part stays at its beginning.
 */
function behindProgram(own: Template, templates: ReadonlyMap<Placed, Template>, reserved: number): Layout {
  const fromThreadPointer = reserved + modulo(own.vaddr - reserved, Math.max(own.align, 1));
  const libraries = new Map<Placed, number>();
  let end = own.memsz;
  for (const [library, template] of templates) {
    end = roundUp(fromThreadPointer + end, Math.max(template.align, 1)) - fromThreadPointer;
    libraries.set(library, end);
    end += template.memsz;
  }
  return { memsz: end, libraries, program: 0, fromThreadPointer };
}

/** The non-negative remainder. */
const modulo = (value: number, by: number) => ((value % by) + by) % by;
