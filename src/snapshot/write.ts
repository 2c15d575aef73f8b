import * as elf from "../elf/constants.ts";
import type { Segment } from "../elf/file.ts";
import { PAGE_SIZE, pageUp } from "../elf/x86-64.ts";
import { writeHeader, writeSegments } from "../elf/write.ts";
import { SnapshotError } from "./error.ts";
import type { Page } from "./memory.ts";
import type { Registers } from "./ptrace.ts";
import { stub } from "./stub.ts";

/** Where the first page goes, with the ELF header, the program headers and the stub: below every page of the program. */
export const FIRST_PAGE = 0x1f_f000;

/** Kernels to 6.1 at least, and gVisor, refuse program headers of more than a page. */
export const MOST_PROGRAM_HEADERS = Math.floor((PAGE_SIZE - elf.EHDR_SIZE) / elf.PHDR_SIZE);

/** A snapshot as a file. */
export type Snapshot = { readonly bytes: Uint8Array; readonly segments: readonly Segment[] };

/** The static executable that holds `pages` and starts with the stub for `registers`. */
export function writeSnapshot(pages: readonly Page[], registers: Registers): Snapshot {
  const runs = runsOf(pages);
  const table = elf.EHDR_SIZE + (runs.length + 2) * elf.PHDR_SIZE;
  const code = stub(FIRST_PAGE + table, registers);
  const first = new Uint8Array(pageUp(table + code.length));
  first.set(code, table);
  const segments = [load(FIRST_PAGE, elf.PF_R | elf.PF_X, 0, first.length), ...loads(runs, first.length), GNU_STACK];
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

/** @throws SnapshotError when `segments` do not fit where older kernels and the layout want them. */
export function checkTable(segments: readonly Segment[], firstSize: number): void {
  if (segments.length > MOST_PROGRAM_HEADERS) {
    throw new SnapshotError(`the snapshot has ${segments.length} program headers, at most ${MOST_PROGRAM_HEADERS} fit in its first page; close more gaps`);
  }
  const low = segments.find(({ type, vaddr }) => type === elf.PT_LOAD && vaddr !== FIRST_PAGE && vaddr < FIRST_PAGE + firstSize);
  if (low !== undefined) throw new SnapshotError(`the snapshot's page at 0x${low.vaddr.toString(16)} lies where its first page goes; move FIRST_PAGE`);
}
