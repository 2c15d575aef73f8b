import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { hex } from "../elf/file.ts";
import { PAGE_SIZE, pageDown } from "../elf/pages.ts";
import type { Members } from "../link/members.ts";
import { UserError } from "../support/error.ts";
import type { Donor } from "./donor.ts";
import type { DonorMemory, Page } from "./memory.ts";
import { rehearse, rehearseTraced } from "./rehearse.ts";
import { SCENARIOS, type Scenario } from "./scenarios.ts";
import type { Access } from "./trace.ts";
import { type Snapshot, SnapshotLayout } from "./write.ts";

/** The pages that the scenarios use, all their uses of data outside the stack, and how many candidates had to run. */
export type Discovered = {
  readonly pages: readonly Page[];
  readonly accesses: readonly Access[];
  readonly runs: number;
};

/**
 * Records uses only in scenarios with few arguments and without a stop. Those with many arguments only repeat the same
 * loop, and a stop is over before the C library's part of the wait is.
 */
const isTraced = ({ args, wakes }: Scenario) => args.length <= 8 && wakes.length <= 1;

/** No frame contains this byte, so a use of the stack outside the program's frames goes wrong visibly. */
const POISON = 0xa5;

/**
 * Finds what the scenarios use. The first candidate has none of the donor's pages. When a run faults on a page, the
 * next candidate gets it from the donor and the scenario runs again, until every scenario completes. Then each use of a
 * data page is recorded. `run` makes an executable of a snapshot and returns its path.
 * @throws UserError when a scenario behaves differently than it must, or touches what the donor lacks.
 */
export function discover(
  architecture: Architecture,
  donor: Donor,
  memory: DonorMemory,
  members: Members,
  run: (snapshot: Snapshot) => string,
): Discovered {
  const pages = new Map<number, Page>();
  const accesses = new Map<string, Access>();
  const note = (access: Access) => accesses.set(`${access.address} ${access.size} ${access.instruction}`, access);
  let runs = 0;
  let path = run(snapshotWith(architecture, donor, members, []));
  for (const scenario of SCENARIOS) {
    for (;;) {
      runs++;
      const traced = [...pages.values()].filter((page) => isData(page) && !isStack(page, donor));
      const missing = isTraced(scenario)
        ? rehearseTraced(path, scenario, new Set(traced.map(({ address }) => address)), note)
        : rehearse(path, scenario);
      if (missing.length === 0) break;
      for (const address of missing) pages.set(address, pageOf(memory, address, scenario));
      path = run(snapshotWith(architecture, donor, members, [...pages.values()]));
    }
  }
  return { pages: [...pages.values()], accesses: [...accesses.values()], runs };
}

const isData = ({ flags }: Page) => (flags & elf.PF_X) === 0;

/** The page of the stack pointer, and everything from there to the frame's end. */
const isStack = ({ address }: Page, { frame }: Donor) =>
  address >= pageDown(frame.start, PAGE_SIZE) && address < frame.end;

/** A candidate with the donor's pages at their addresses in the donor, and the C library's functions that ship. */
function snapshotWith(architecture: Architecture, donor: Donor, members: Members, pages: readonly Page[]): Snapshot {
  const parts = { firstPage: donor.firstPage, pages, blank: undefined, members, templateSize: 0 };
  const layout = new SnapshotLayout(architecture, parts, PAGE_SIZE);
  const changed = pages.map((page) => {
    const bytes = Uint8Array.from(page.bytes);
    if (!isData(page))
      for (const [name, at] of Object.entries(donor.functions))
        architecture.constants.replace(bytes, at, layout.functionAt(name));
    if (isStack(page, donor)) poison(bytes, page.address, donor);
    return { ...page, bytes };
  });
  const nothing = { from: 0, to: 0, size: 0 };
  return layout.write(
    changed,
    { registers: donor.registers, commandLine: donor.commandLine, copy: nothing },
    new Uint8Array(),
  );
}

function poison(bytes: Uint8Array, address: number, { frame }: Donor): void {
  bytes.fill(POISON, 0, Math.max(0, frame.start - address));
  bytes.fill(POISON, Math.min(PAGE_SIZE, frame.end - address));
}

function pageOf(memory: DonorMemory, address: number, scenario: Scenario): Page {
  const page = memory.page(address);
  if (page === undefined) {
    throw new UserError(
      `in the scenario "${scenario.name}" the snapshot reaches for ${hex(address)}, where the donor has nothing`,
    );
  }
  return page;
}
