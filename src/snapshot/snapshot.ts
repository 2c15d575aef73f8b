import { rmSync } from "node:fs";
import { hostArchitecture } from "../arch/architectures.ts";
import { hex } from "../elf/file.ts";
import { writeExecutable } from "../link/file.ts";
import { UserError } from "../support/error.ts";
import { checkShape } from "./check.ts";
import { type DonorProgram, startDonor } from "./donor.ts";
import { DonorMemory, type Page } from "./memory.ts";
import { prune } from "./prune.ts";
import { rehearse, writtenPages } from "./rehearse.ts";
import { SCENARIOS, type Scenario, USUAL } from "./scenarios.ts";
import type { Touch } from "./stub.ts";
import { writeSnapshot } from "./write.ts";

/** What the stage made and what it took: bytes, pages of 4096 bytes, program headers, candidates run. */
export type SnapshotResult = {
  readonly bytes: number;
  readonly pages: number;
  readonly segments: number;
  readonly candidates: number;
};

/**
 * Takes the memory of the linked `program` where its wait returns, prunes it to what the scenarios touch, and
 * writes it to `output` as a static executable that starts in that wait.
 * @throws UserError when the program cannot be caught so, or a snapshot of it would break a promise.
 */
export function takeSnapshot(program: DonorProgram, output: string): SnapshotResult {
  const architecture = hostArchitecture();
  const donor = startDonor(program);
  const candidate = `${output}.candidate`;
  try {
    // Only the pages that some scenario touches.
    const memory = new DonorMemory(donor.tracee);
    const write = (
      pages: readonly Page[],
      touches: readonly Touch[],
      beside: (address: number) => Page | undefined,
    ) => {
      const snapshot = writeSnapshot(architecture, pages, donor, touches, beside);
      writeExecutable(candidate, snapshot.bytes);
      return snapshot;
    };
    const { pages, runs } = prune(memory, SCENARIOS, (some) => {
      write(some, [], () => undefined);
      return candidate;
    });

    // Those that it writes to on the way every pod goes are touched first.
    const written = writtenPages(candidate, USUAL);
    const touches = pages
      .filter(({ address }) => written.includes(address))
      .map(({ address, bytes: [byte = 0] }) => ({ page: address, byte }));
    const snapshot = write(pages, touches, (address) => memory.page(address));
    checkShape(architecture, snapshot);

    // The very file that ships goes through every scenario once more.
    for (const scenario of SCENARIOS) confirm(candidate, scenario);

    writeExecutable(output, snapshot.bytes);
    return { bytes: snapshot.bytes.length, pages: pages.length, segments: snapshot.segments.length, candidates: runs };
  } finally {
    donor.tracee.kill();
    rmSync(candidate, { force: true });
  }
}

function confirm(path: string, scenario: Scenario): void {
  const [missing] = rehearse(path, scenario);
  if (missing !== undefined)
    throw new UserError(
      `in the scenario "${scenario.name}" the finished snapshot reaches for ${hex(missing)}, which it did not before`,
    );
}
