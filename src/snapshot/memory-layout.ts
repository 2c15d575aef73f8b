import { pageUp } from "../elf/pages.ts";

/** The largest page of any kernel, in bytes. Touching a page maps all around it, so a window this large has one use. */
const WINDOW = 0x1_0000;
const MAPPINGS_SIZE = 0x8_0000;
const STACK_SIZE = 0x4_0000;

/**
 * Where in memory to put what the linked program did not bring: addresses and sizes in bytes. A page table maps 2 MiB,
 * and making one takes a kernel longer than mapping a page of the file. To leave a snapshot with few page tables, all
 * of it lies right after the program, close to the C library, which comes last there.
 */
export type MemoryLayout = {
  /** The donor's small mappings, including compiled code: from `start` up to `end`. */
  readonly mappings: { readonly start: number; readonly end: number };
  /** A snapshot's first page: the ELF header, the program headers and the stub. */
  readonly firstPage: number;
  /** The donor's stack, `size` bytes from `base` on. */
  readonly stack: { readonly base: number; readonly size: number };
};

/** @param end the end of the program's last segment. */
export function layoutBehind(end: number): MemoryLayout {
  const start = pageUp(end, WINDOW);
  const firstPage = start + MAPPINGS_SIZE;
  return { mappings: { start, end: firstPage }, firstPage, stack: { base: firstPage + WINDOW, size: STACK_SIZE } };
}
