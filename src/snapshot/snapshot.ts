import { rmSync } from "node:fs";
import { hex } from "../elf/file.ts";
import { writeExecutable } from "../link/file.ts";
import { checkShape } from "./check.ts";
import { startDonor } from "./donor.ts";
import { SnapshotError } from "./error.ts";
import { DonorMemory } from "./memory.ts";
import { prune } from "./prune.ts";
import { inspect, rehearse } from "./rehearse.ts";
import { BRIEF_SCENARIOS, SCENARIOS, type Scenario } from "./scenarios.ts";
import { closeGaps, writeSnapshot } from "./write.ts";

/** What the stage made and what it took: bytes, pages of 4096 bytes, program headers, candidates run. */
export type SnapshotResult = { readonly bytes: number; readonly pages: number; readonly segments: number; readonly candidates: number };

/**
 * Takes the memory of the linked program `donorPath` where its wait returns, prunes it to what the scenarios touch, and
 * writes it to `output` as a static executable that starts in that wait.
 * @throws SnapshotError when the program cannot be caught so, or a snapshot of it would break a promise.
 */
export function takeSnapshot(donorPath: string, output: string): SnapshotResult {
  const donor = startDonor(donorPath);
  const candidate = `${output}.candidate`;
  try {
    // Only the pages that some scenario touches.
    const memory = new DonorMemory(donor.tracee);
    const { pages, runs } = prune(memory, SCENARIOS, (some) => {
      writeExecutable(candidate, writeSnapshot(some, donor).bytes);
      return candidate;
    });

    // A file whose headers fit in its first page.
    const filled = closeGaps(pages, donor, (address) => memory.page(address));
    const snapshot = writeSnapshot(filled, donor);
    checkShape(snapshot);

    // The very file that ships goes through every scenario once more, and through the brief ones step by step.
    writeExecutable(candidate, snapshot.bytes);
    for (const scenario of SCENARIOS) confirm(candidate, scenario);
    const known = new Set<number>();
    for (const scenario of BRIEF_SCENARIOS) inspect(candidate, scenario, known);

    writeExecutable(output, snapshot.bytes);
    return { bytes: snapshot.bytes.length, pages: filled.length, segments: snapshot.segments.length, candidates: runs };
  } finally {
    donor.tracee.kill();
    rmSync(candidate, { force: true });
  }
}

function confirm(path: string, scenario: Scenario): void {
  const [missing] = rehearse(path, scenario);
  if (missing !== undefined) throw new SnapshotError(`in the scenario "${scenario.name}" the finished snapshot reaches for ${hex(missing)}, which it did not before`);
}
