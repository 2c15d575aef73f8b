import { readFileSync } from "node:fs";
import { hostArchitecture } from "../arch/architectures.ts";
import * as elf from "../elf/constants.ts";
import { ElfFile } from "../elf/file.ts";
import { PAGE_SIZE, pageDown } from "../elf/pages.ts";
import { faultsOf, observe, rehearseWithout } from "../snapshot/rehearse.ts";
import type { Scenario } from "../snapshot/scenarios.ts";
import { TRACED_SCENARIOS } from "./traced-scenarios.ts";

/**
 * A system call: its arguments in register order, the address after its instruction, and whether the program's wait had
 * ended by then.
 */
export type TracedCall = {
  readonly call: string;
  readonly args: readonly number[];
  readonly behind: number;
  readonly woken: boolean;
};

/**
 * One run of the file: its calls in order, how often each instruction ran, the instructions after which it continued in
 * another page, the pages in the order it first touched them, its page faults, and the thread pointer at its exit.
 */
export type TracedRun = {
  readonly scenario: string;
  readonly calls: readonly TracedCall[];
  readonly instructions: readonly (readonly [address: number, count: number])[];
  readonly leaving: readonly (readonly [from: number, to: number])[];
  readonly touched: readonly number[];
  readonly threadPointer: number;
  readonly faults: number;
};

/** Traces the file at `path`, on a machine of its architecture, in each representative scenario. */
export function trace(path: string): readonly TracedRun[] {
  const file = new ElfFile(path, readFileSync(path));
  return TRACED_SCENARIOS.map((scenario) => traceRun(path, file, scenario));
}

function traceRun(path: string, file: ElfFile, scenario: Scenario): TracedRun {
  const calls: TracedCall[] = [];
  const counts = new Map<number, number>();
  const leaving = new Map<string, readonly [number, number]>();
  let last = 0;
  let threadPointer = 0;
  observe(path, scenario, {
    instruction: (address) => {
      counts.set(address, (counts.get(address) ?? 0) + 1);
      if (last !== 0 && pageDown(last, PAGE_SIZE) !== pageDown(address, PAGE_SIZE))
        leaving.set(`${last} ${address}`, [last, address]);
      last = address;
    },
    call: ({ call, args }, behind, woken, candidate) => {
      calls.push({ call, args, behind, woken });
      threadPointer = Number(candidate.registers()[hostArchitecture().processor.threadPointer]);
    },
  });
  // Run it twice: the second time, the file's pages are in the page cache, so only the program's own faults count.
  faultsOf(path, scenario);
  return {
    ...{
      scenario: scenario.name,
      calls,
      instructions: [...counts].toSorted(([one], [other]) => one - other),
      leaving: [...leaving.values()],
    },
    ...{ touched: touchedPages(path, file, scenario), threadPointer, faults: faultsOf(path, scenario) },
  };
}

/** Starts with the first page only; each time the program stops for a missing page, adds it and starts again. */
function touchedPages(path: string, file: ElfFile, scenario: Scenario): readonly number[] {
  const pages = file
    .segmentsOf(elf.PT_LOAD)
    .flatMap(({ vaddr, memsz }) => Array.from({ length: memsz / PAGE_SIZE }, (_, index) => vaddr + index * PAGE_SIZE));
  const touched = [pageDown(file.entry, PAGE_SIZE)];
  for (;;) {
    const missing = rehearseWithout(
      path,
      scenario,
      pages.filter((page) => !touched.includes(page)),
    );
    if (missing.length === 0) return touched;
    touched.push(...missing);
  }
}
