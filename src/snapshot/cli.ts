import { writeFileSync } from "node:fs";
import { SnapshotError } from "./error.ts";
import { takeSnapshot } from "./snapshot.ts";

/**
 * The stage as a program of its own, for a machine that has nothing else of the build: DONOR OUTPUT RESULT. What the
 * stage returns goes to RESULT as JSON.
 */
const [donor = "", output = "", result = ""] = process.argv.slice(2);
try {
  writeFileSync(result, JSON.stringify(takeSnapshot(donor, output)));
} catch (error) {
  if (!(error instanceof SnapshotError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
