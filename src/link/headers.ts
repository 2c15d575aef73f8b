import * as elf from "../elf/constants.ts";
import { type Segment, viewOf } from "../elf/file.ts";
import { writeSegments } from "../elf/write.ts";
import { Chunk } from "./chunk.ts";
import type { Program } from "./program.ts";
import type { TlsTemplate } from "./tls.ts";

/** The table of program headers, with room for as many as there can be. */
export class HeaderTable extends Chunk {
  readonly size: number;

  /** `copied`: how many segments of libraries there are. */
  constructor({ file }: Program, copied: number) {
    super();
    // The program's, a PT_PHDR and a PT_TLS, the libraries', and three that are made here.
    this.size = (file.segments.length + 2 + copied + 3) * elf.PHDR_SIZE;
  }

  write(bytes: Uint8Array, segments: readonly Segment[]): void {
    writeSegments(viewOf(bytes), 0, segments);
  }
}

/** What the program headers tell of besides what is loaded. */
export type Described = {
  readonly headers: Chunk;
  readonly tls: TlsTemplate;
  /** The table of unwinding information, where it replaces the program's. */
  readonly unwind: Chunk | undefined;
};

/**
 * PT_PHDR first and PT_LOAD in ascending order, as the gABI asks; the program's own entries otherwise as they were.
 * PT_DYNAMIC comes last: it is for musl's loader, which is told of all of them, and not counted in the ELF header, since
 * the file is not dynamic to anyone else. `distance`: of each address from its file offset.
 */
export function programHeaders(
  { file }: Program,
  added: readonly Segment[],
  { headers, tls, unwind }: Described,
  distance: number,
): Segment[] {
  const replaced = [elf.PT_PHDR, elf.PT_INTERP, elf.PT_LOAD, elf.PT_TLS, elf.PT_DYNAMIC];
  if (unwind !== undefined) replaced.push(elf.PT_GNU_EH_FRAME);
  const readOnly = (type: number, chunk: Chunk, filesz: number, memsz = filesz): Segment => {
    const { address: vaddr, align } = chunk;
    return { type, flags: elf.PF_R, offset: vaddr - distance, vaddr, filesz, memsz, align };
  };
  const behind = [
    ...file.segmentsOf(elf.PT_LOAD),
    ...added,
    { ...readOnly(elf.PT_TLS, tls, tls.size, tls.memsz), align: tls.ownAlign },
    ...file.segments.filter(({ type }) => !replaced.includes(type)),
    ...(unwind === undefined ? [] : [readOnly(elf.PT_GNU_EH_FRAME, unwind, unwind.size)]),
    ...file.segmentsOf(elf.PT_DYNAMIC),
  ];
  const size = (visibleCount(behind) + 1) * elf.PHDR_SIZE;
  return [readOnly(elf.PT_PHDR, headers, size), ...behind];
}

/** How many of them the ELF header counts. */
export const visibleCount = (segments: readonly Segment[]): number =>
  segments.filter(({ type }) => type !== elf.PT_DYNAMIC).length;
