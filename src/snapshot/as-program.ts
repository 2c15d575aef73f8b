import { writeFileSync } from "node:fs";
import { UserError } from "../support/error.ts";

/** What a stage does as a program of its own: what `work` returns is written to `result`, as JSON. A UserError is one line, and the status 1. */
export function runAsProgram(result: string, work: () => unknown): void {
  try {
    writeFileSync(result, JSON.stringify(work()));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
