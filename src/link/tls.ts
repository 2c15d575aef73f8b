import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import type { ElfFile } from "../elf/file.ts";
import type { Placed } from "./layout.ts";

/**
 * The program's TLS template with the libraries' on the side where it leaves the program's own offsets from the thread
 * pointer, compiled into it, as they were. Offsets and sizes in bytes.
 */
export type TlsTemplate = {
  readonly bytes: Uint8Array;
  readonly memsz: number;
  readonly align: number;
  /** What its address is modulo `align`. */
  readonly phase: number;
  /** Offset in the template of the part of each owner's. */
  readonly libraries: ReadonlyMap<Placed, number>;
  readonly program: number;
  /** Where the template begins, from the thread pointer. */
  readonly fromThreadPointer: number;
};

type Template = {
  readonly vaddr: number;
  readonly offset: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
};

export function tlsTemplate({ tls }: Architecture, program: ElfFile, libraries: readonly Placed[]): TlsTemplate {
  const own = program.segmentsOf(elf.PT_TLS)[0] ?? { vaddr: 0, offset: 0, filesz: 0, memsz: 0, align: 1 };
  const templates = new Map(
    libraries.flatMap((library) => library.file.segmentsOf(elf.PT_TLS).map((segment) => [library, segment] as const)),
  );
  const align = Math.max(1, own.align, ...[...templates.values()].map((template) => template.align));
  const layout =
    tls.variant === "I" ? behindProgram(own, templates, tls.reserved) : beforeProgram(own, templates, align);
  const filled = [
    { at: layout.program, data: program.bytes.subarray(own.offset, own.offset + own.filesz) },
    ...[...templates].map(([library, { vaddr, filesz }]) => ({
      at: layout.libraries.get(library) ?? 0,
      data: library.image.subarray(vaddr, vaddr + filesz),
    })),
  ].filter(({ data }) => data.length > 0);
  const bytes = new Uint8Array(Math.max(0, ...filled.map(({ at, data }) => at + data.length)));
  for (const { at, data } of filled) bytes.set(data, at);
  return { ...layout, bytes, align, phase: modulo(layout.fromThreadPointer, align) };
}

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
 * Variant I: the template begins behind the thread pointer, at the first place that has its address modulo its alignment
 * (as static linkers and musl's loader both compute it), and the program's part stays at its beginning.
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

export const roundUp = (value: number, align: number) => Math.ceil(value / align) * align;

/** The remainder that is not negative. */
const modulo = (value: number, by: number) => ((value % by) + by) % by;
