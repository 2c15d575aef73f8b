import * as elf from "../elf/constants.ts";
import type { ElfFile } from "../elf/file.ts";
import type { Placed } from "./layout.ts";

/**
 * The program's TLS template with the libraries' in front of it. On x86-64 (variant II of "ELF Handling for Thread-Local
 * Storage", section 3) the block ends at the thread pointer, so the program's own offsets, compiled into it, stay right.
 */
export type TlsTemplate = {
  readonly bytes: Uint8Array;
  readonly memsz: number;
  readonly align: number;
  /** Offset in the template of the part of each owner's, in bytes. */
  readonly libraries: ReadonlyMap<Placed, number>;
  readonly program: number;
  /** How far below the thread pointer the template begins, in bytes. */
  readonly belowThreadPointer: number;
};

export function tlsTemplate(program: ElfFile, libraries: readonly Placed[]): TlsTemplate {
  const own = program.segmentsOf(elf.PT_TLS)[0] ?? { offset: 0, filesz: 0, memsz: 0, align: 1 };
  const parts = new Map<Placed, number>();
  let front = 0;
  let align = Math.max(own.align, 1);
  for (const library of libraries) {
    for (const segment of library.file.segmentsOf(elf.PT_TLS)) {
      front = roundUp(front, Math.max(segment.align, 1));
      parts.set(library, front);
      front += segment.memsz;
      align = Math.max(align, segment.align);
    }
  }
  const ownSize = roundUp(own.memsz, Math.max(own.align, 1));
  const total = roundUp(front + ownSize, align);
  const programAt = total - ownSize;
  const bytes = new Uint8Array(programAt + own.filesz);
  for (const [library, at] of parts) {
    for (const { vaddr, filesz } of library.file.segmentsOf(elf.PT_TLS)) bytes.set(library.image.subarray(vaddr, vaddr + filesz), at);
  }
  bytes.set(program.bytes.subarray(own.offset, own.offset + own.filesz), programAt);
  return { bytes, memsz: programAt + own.memsz, align, libraries: parts, program: programAt, belowThreadPointer: total };
}

export const roundUp = (value: number, align: number) => Math.ceil(value / align) * align;
