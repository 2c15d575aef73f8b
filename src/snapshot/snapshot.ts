import { rmSync } from "node:fs";
import type { Architecture } from "../arch/architecture.ts";
import { hostArchitecture } from "../arch/architectures.ts";
import * as elf from "../elf/constants.ts";
import { hex } from "../elf/file.ts";
import { PAGE_SIZE, pageUp } from "../elf/pages.ts";
import { writeExecutable } from "../link/file.ts";
import { Members } from "../link/members.ts";
import { UserError } from "../support/error.ts";
import { checkShape } from "./check.ts";
import { discover } from "./discover.ts";
import { type Donor, type DonorProgram, startDonor } from "./donor.ts";
import { Gathering } from "./gather.ts";
import { DonorMemory, type Page } from "./memory.ts";
import { rehearse } from "./rehearse.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";
import { COPIED } from "./stub.ts";
import { type Snapshot, SnapshotLayout } from "./write.ts";

/** What the stage made and what it took: bytes, pages of 4096 bytes, program headers, candidates run. */
export type SnapshotResult = {
  readonly bytes: number;
  readonly pages: number;
  readonly segments: number;
  readonly candidates: number;
};

/** Room below the frame for calls after the wait, in bytes; the page below it is missing. */
const STACK_ROOM = 0x400;

/**
 * Takes the memory of the linked `program` at the return of its wait, gathers what the scenarios use of it, and writes
 * that to `output` as a static executable that starts in that wait.
 * @throws UserError when the program cannot be caught there, or a snapshot of it would break a promise.
 */
export function takeSnapshot(program: DonorProgram, output: string): SnapshotResult {
  const architecture = hostArchitecture();
  const members = new Members(architecture, program.archive, Object.keys(program.functions));
  const donor = startDonor(program);
  const candidate = `${output}.candidate`;
  const run = (snapshot: Snapshot) => {
    writeExecutable(candidate, snapshot.bytes);
    return candidate;
  };
  try {
    const memory = new DonorMemory(donor.tracee);
    const { pages, accesses, runs } = discover(architecture, donor, memory, members, run);

    // The code stays in place; the data that it uses moves together.
    const code = pages.filter(({ flags }) => (flags & elf.PF_X) !== 0);
    const gathering = new Gathering(architecture, memory, donor, accesses, code);
    const snapshot = writeGathered(architecture, donor, members, gathering, code);
    checkShape(architecture, snapshot);

    // The very file that ships runs every scenario. It lacks everything that was not gathered.
    run(snapshot);
    for (const scenario of SCENARIOS) confirm(candidate, scenario);

    writeExecutable(output, snapshot.bytes);
    const loaded = snapshot.segments.filter(({ type }) => type === elf.PT_LOAD);
    return {
      bytes: snapshot.bytes.length,
      pages: loaded.reduce((size, { memsz }) => size + memsz, 0) / PAGE_SIZE,
      segments: snapshot.segments.length,
      candidates: runs + SCENARIOS.length,
    };
  } finally {
    donor.tracee.kill();
    rmSync(candidate, { force: true });
  }
}

/** The code, with a first page right before it, and after it memory that the first page's stub fills. */
function writeGathered(
  architecture: Architecture,
  donor: Donor,
  members: Members,
  gathering: Gathering,
  code: readonly Page[],
): Snapshot {
  const lowest = Math.min(...code.map(({ address }) => address));
  const highest = Math.max(...code.map(({ address }) => address)) + PAGE_SIZE;
  const templateSize = pageUp(gathering.size, COPIED);
  const blank = pageUp(highest, BLANK_ALIGN);
  const data = blank + pageUp(STACK_ROOM + templateSize, PAGE_SIZE) - templateSize;
  const layoutOf = (firstSize: number) => {
    const parts = { firstPage: lowest - firstSize, pages: code, blank: { start: blank, end: data + templateSize } };
    return new SnapshotLayout(architecture, { ...parts, members, templateSize }, firstSize);
  };
  const smallest = layoutOf(PAGE_SIZE);
  const layout = smallest.end <= lowest ? smallest : layoutOf(pageUp(smallest.end + PAGE_SIZE - lowest, PAGE_SIZE));
  const gathered = gathering.at(data);
  const functions = Object.entries(donor.functions).map(([name, at]) => [at, layout.functionAt(name)] as const);
  const moved = new Map([...gathered.moved, ...functions]);
  return layout.write(
    code.map((page) => gathering.code(page, moved)),
    {
      registers: gathering.registers(gathered),
      commandLine: donor.commandLine - donor.frame.start + data,
      copy: { from: layout.templateAt, to: data, size: templateSize },
    },
    gathered.bytes,
  );
}

/** No kernel has larger pages, so none maps written memory beside executed memory. */
const BLANK_ALIGN = 0x1_0000;

function confirm(path: string, scenario: Scenario): void {
  const [missing] = rehearse(path, scenario);
  if (missing !== undefined)
    throw new UserError(
      `in the scenario "${scenario.name}" the finished snapshot reaches for ${hex(missing)}, which was not gathered; ` +
        "see docs/snapshot.md for what a reference is",
    );
}
