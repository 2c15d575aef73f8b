import { writeFileSync } from "node:fs";
import type { EntryAddresses } from "../link/entry.ts";
import { SnapshotError } from "./error.ts";
import { takeSnapshot } from "./snapshot.ts";

/**
 * The stage as a program of its own, for a machine that has nothing else of the build: DONOR START OUTPUT RESULT. START is
 * what the link stage said of the donor, as JSON; what this stage returns goes to RESULT as JSON.
 */
const [path = "", start = "", output = "", result = ""] = process.argv.slice(2);
try {
  writeFileSync(result, JSON.stringify(takeSnapshot({ path, start: JSON.parse(start) as EntryAddresses }, output)));
} catch (error) {
  if (!(error instanceof SnapshotError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
