import { pageUp } from "../elf/pages.ts";

/**
 * The largest page of any kernel, in bytes: it maps what lies around a page that is touched, so a window this large has
 * one use.
 */
const WINDOW = 0x1_0000;
const MAPPINGS_SIZE = 0x8_0000;
const STACK_SIZE = 0x4_0000;

/**
 * Where in memory lies what the linked program did not bring: addresses and sizes in bytes. A page table maps 2 MiB,
 * and a kernel takes longer to make one than to map a page of the file: so that a snapshot ends with few of them, all
 * of it lies right behind the program, close to the C library, which is last in that.
 */
export type MemoryLayout = {
  /** The donor's small mappings, code that is compiled among them: from `start` to before `end`. */
  readonly mappings: { readonly start: number; readonly end: number };
  /** A snapshot's first page, with the ELF header, the program headers and the stub. */
  readonly firstPage: number;
  /** The donor's stack, `size` bytes from `base` on. */
  readonly stack: { readonly base: number; readonly size: number };
};

/** @param end where the program's last segment ends. */
export function layoutBehind(end: number): MemoryLayout {
  const start = pageUp(end, WINDOW);
  const firstPage = start + MAPPINGS_SIZE;
  return { mappings: { start, end: firstPage }, firstPage, stack: { base: firstPage + WINDOW, size: STACK_SIZE } };
}
