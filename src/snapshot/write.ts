import * as elf from "../elf/constants.ts";
import type { Segment } from "../elf/file.ts";
import { PAGE_SIZE, pageUp } from "../elf/x86-64.ts";
import { writeHeader, writeSegments } from "../elf/write.ts";
import { SnapshotError } from "./error.ts";
import type { Page } from "./memory.ts";
import { type Checkpoint, stub } from "./stub.ts";

/** Where the first page goes, with the ELF header, the program headers and the stub: below every page of the program. */
export const FIRST_PAGE = 0x1f_f000;

/** A snapshot as a file. */
export type Snapshot = { readonly bytes: Uint8Array; readonly segments: readonly Segment[] };

/** The static executable that holds `pages` and starts with the stub for `checkpoint`. */
export function writeSnapshot(pages: readonly Page[], checkpoint: Checkpoint): Snapshot {
  const runs = runsOf(pages);
  const table = tableSize(runs.length);
  const code = stub(FIRST_PAGE + table, checkpoint);
  const first = new Uint8Array(pageUp(table + code.length));
  first.set(code, table);
  const segments = [load(FIRST_PAGE, elf.PF_R | elf.PF_X, 0, first.length), ...loads(runs, first.length), GNU_STACK];
  const view = new DataView(first.buffer);
  writeHeader(view, FIRST_PAGE + table, elf.EHDR_SIZE, segments.length);
  writeSegments(view, elf.EHDR_SIZE, segments);
  return { bytes: Buffer.concat([first, ...runs.flat().map(({ bytes }) => bytes)]), segments };
}

/**
 * The pages with the smallest gaps between segments of like protection filled from the donor, as many as it takes for
 * program headers and stub to fit in the first page. @throws SnapshotError when they never do.
 */
export function closeGaps(pages: readonly Page[], checkpoint: Checkpoint, page: (address: number) => Page | undefined): readonly Page[] {
  const runs = runsOf(pages);
  if (tableSize(runs.length) + stub(FIRST_PAGE, checkpoint).length <= PAGE_SIZE) return pages;
  const [smallest] = gapsOf(runs)
    .map((gap) => gap.map(page))
    .filter((gap): gap is Page[] => gap.every((filling) => filling !== undefined))
    .toSorted((a, b) => a.length - b.length);
  if (smallest === undefined) throw new SnapshotError(`the snapshot has ${runs.length} segments, more than fit in its first page, and no gap between them can be closed`);
  return closeGaps([...pages, ...smallest], checkpoint, page);
}

/** Bytes of the ELF header and the program headers: one for each run, the first page, and PT_GNU_STACK. */
const tableSize = (runs: number) => elf.EHDR_SIZE + (runs + 2) * elf.PHDR_SIZE;

/** The addresses of the pages between each run and the next, where both have the same protection. */
function gapsOf(runs: readonly Page[][]): number[][] {
  return runs.slice(1).flatMap((run, index) => {
    const [before, after] = [runs[index]?.at(-1), run[0]];
    if (before === undefined || after === undefined || before.flags !== after.flags) return [];
    const count = (after.address - before.address) / PAGE_SIZE - 1;
    return [Array.from({ length: count }, (_, place) => before.address + (place + 1) * PAGE_SIZE)];
  });
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
