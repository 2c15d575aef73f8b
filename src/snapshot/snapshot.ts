import { rmSync } from "node:fs";
import { writeExecutable } from "../link/file.ts";
import { startDonor } from "./donor.ts";
import { DonorMemory } from "./memory.ts";
import { prune } from "./prune.ts";
import { SCENARIOS } from "./scenarios.ts";
import { writeSnapshot } from "./write.ts";

/** What the stage made and what it took: bytes, pages of 4096 bytes, program headers, candidates run. */
export type SnapshotResult = { readonly bytes: number; readonly pages: number; readonly segments: number; readonly candidates: number };

/**
 * Takes the memory of the linked program `donorPath` while it waits, prunes it to what the scenarios touch, and writes it
 * to `output` as a static executable that starts in the middle of that wait.
 * @throws SnapshotError when the program cannot be caught so, or a snapshot of it would break a promise.
 */
export function takeSnapshot(donorPath: string, output: string): SnapshotResult {
  const donor = startDonor(donorPath);
  const candidatePath = `${output}.candidate`;
  try {
    const registers = donor.registers();
    const { pages, runs } = prune(new DonorMemory(donor), SCENARIOS, (some) => {
      writeExecutable(candidatePath, writeSnapshot(some, registers).bytes);
      return candidatePath;
    });
    const { bytes, segments } = writeSnapshot(pages, registers);
    writeExecutable(output, bytes);
    return { bytes: bytes.length, pages: pages.length, segments: segments.length, candidates: runs };
  } finally {
    donor.kill();
    rmSync(candidatePath, { force: true });
  }
}
