import { writeFileSync } from "node:fs";
import { SnapshotError } from "../snapshot/error.ts";
import { trace } from "./trace.ts";

/** The tracing as a program of its own, for a machine that has nothing else. Its arguments: the file, and where to write what was seen of it, as JSON. */
const [file = "", result = ""] = process.argv.slice(2);
try {
  writeFileSync(result, JSON.stringify(trace(file)));
} catch (error) {
  if (!(error instanceof SnapshotError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
