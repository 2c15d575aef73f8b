import type { Segment } from "../elf/file.ts";
import { pageUp } from "../elf/pages.ts";

/**
 * A part of the output that the linker makes: a table, a template or code. It knows its size from the start, gets its
 * address when all chunks are laid out, and writes itself when everything else has an address too. Sizes in bytes.
 */
export abstract class Chunk {
  abstract readonly size: number;
  /** The address is a multiple of `align`, and `phase` more. */
  readonly align: number = 8;
  readonly phase: number = 0;
  private at: number | undefined;

  /** @throws Error before the layout: a bug. */
  get address(): number {
    if (this.at === undefined) throw new Error(`${this.constructor.name} is asked for its address before it has one`);
    return this.at;
  }

  /** Takes the first suitable place from `start` on. Returns its end. */
  placeFrom(start: number): number {
    this.at = roundUp(start - this.phase, this.align) + this.phase;
    return this.at + this.size;
  }

  /** Writes the chunk into `bytes`: zeros, of its size. `segments`: the program headers of the output. */
  abstract write(bytes: Uint8Array, segments: readonly Segment[]): void;
}

/** Bytes that do not depend on any address. */
export class Bytes extends Chunk {
  readonly size: number;

  constructor(
    private readonly bytes: Uint8Array,
    override readonly align = 8,
  ) {
    super();
    this.size = bytes.length;
  }

  write(bytes: Uint8Array): void {
    bytes.set(this.bytes);
  }
}

/** Chunks of one protection, in whole pages. */
export type ChunkSegment = {
  readonly vaddr: number;
  readonly flags: number;
  readonly size: number;
  readonly chunks: readonly Chunk[];
};

/** Lays out chunks from the page `start`: each row's chunks one after the other, and each row on a new page. */
export function layOut(
  start: number,
  pageSize: number,
  rows: readonly (readonly [flags: number, chunks: readonly Chunk[]])[],
): ChunkSegment[] {
  let vaddr = start;
  return rows
    .filter(([, chunks]) => chunks.length > 0)
    .map(([flags, chunks]) => {
      const end = chunks.reduce((end, chunk) => chunk.placeFrom(end), vaddr);
      const segment = { vaddr, flags, size: pageUp(end - vaddr, pageSize), chunks };
      vaddr += segment.size;
      return segment;
    });
}

/** The bytes of a laid-out segment. */
export function bytesOf({ vaddr, size, chunks }: ChunkSegment, segments: readonly Segment[]): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const chunk of chunks) {
    const at = chunk.address - vaddr;
    chunk.write(bytes.subarray(at, at + chunk.size), segments);
  }
  return bytes;
}

export const roundUp = (value: number, align: number) => Math.ceil(value / align) * align;
