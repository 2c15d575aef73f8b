import * as elf from "../elf/constants.ts";
import type { Segment } from "../elf/file.ts";
import { PAGE_SIZE, pageUp } from "../elf/x86-64.ts";
import { writeHeader, writeSegments } from "../elf/write.ts";
import { SMALL_MAPPINGS } from "./answers.ts";
import type { Page } from "./memory.ts";
import { type Checkpoint, stub, type Touch } from "./stub.ts";

/**
 * Where the first page goes, with the ELF header, the program headers and the stub: where the donor has nothing, and in a
 * window of 64 kB of its own, for the kernel maps what lies around a page that is touched.
 */
export const FIRST_PAGE = 0x0e00_0000;

/** Whose code lies at `address` in a snapshot: the stub's, what was compiled from TypeScript (the donor's mappings), or the C library's. */
export function originOf(address: number): "stub" | "TypeScript" | "musl" {
  if (address >= FIRST_PAGE && address < FIRST_PAGE + PAGE_SIZE) return "stub";
  return address >= SMALL_MAPPINGS ? "TypeScript" : "musl";
}

/** A snapshot as a file. */
export type Snapshot = { readonly bytes: Uint8Array; readonly segments: readonly Segment[] };

/** The static executable that holds `pages`, starts with the stub for `checkpoint`, and writes to `touches` before it goes on. */
export function writeSnapshot(pages: readonly Page[], checkpoint: Checkpoint, touches: readonly Touch[]): Snapshot {
  const runs = runsOf(pages);
  const table = elf.EHDR_SIZE + (runs.length + 2) * elf.PHDR_SIZE;
  const code = stub(FIRST_PAGE + table, checkpoint, touches);
  const first = new Uint8Array(pageUp(table + code.length));
  first.set(code, table);
  const inOrder = [load(FIRST_PAGE, elf.PF_R | elf.PF_X, 0, first.length), ...loads(runs, first.length)].toSorted((a, b) => a.vaddr - b.vaddr);
  const segments = [...inOrder, GNU_STACK];
  const view = new DataView(first.buffer);
  writeHeader(view, FIRST_PAGE + table, elf.EHDR_SIZE, segments.length);
  writeSegments(view, elf.EHDR_SIZE, segments);
  return { bytes: Buffer.concat([first, ...runs.flat().map(({ bytes }) => bytes)]), segments };
}

/** Asks for a stack that is not executable, as every program today does. */
const GNU_STACK: Segment = { type: elf.PT_GNU_STACK, flags: elf.PF_R | elf.PF_W, offset: 0, vaddr: 0, filesz: 0, memsz: 0, align: 16 };

const load = (vaddr: number, flags: number, offset: number, size: number): Segment => ({
  ...{ type: elf.PT_LOAD, flags, offset, vaddr, filesz: size, memsz: size, align: PAGE_SIZE },
});

/** Pages that lie side by side with the same protection make one segment. */
function runsOf(pages: readonly Page[]): Page[][] {
  const runs: Page[][] = [];
  for (const page of pages.toSorted((a, b) => a.address - b.address)) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run !== undefined && last !== undefined && last.address + PAGE_SIZE === page.address && last.flags === page.flags) run.push(page);
    else runs.push([page]);
  }
  return runs;
}

function loads(runs: readonly Page[][], start: number): Segment[] {
  let offset = start;
  return runs.flatMap((run) => {
    const [page] = run;
    if (page === undefined) return [];
    const segment = load(page.address, page.flags, offset, run.length * PAGE_SIZE);
    offset += segment.filesz;
    return [segment];
  });
}
