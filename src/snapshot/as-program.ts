import { writeFileSync } from "node:fs";
import { UserError } from "../support/error.ts";
import { takeOwnState } from "./own-state.ts";

/** The exit status of a stage's program that said in one line what the user can mend. Bun ends with 1 for a bug. */
export const USER_ERROR_STATUS = 2;

/**
 * What a stage does as a program of its own: what `work` returns is written to `result`, as JSON. What the caller was
 * started with changes nothing.
 */
export function runAsProgram(result: string, work: () => unknown): void {
  takeOwnState();
  try {
    writeFileSync(result, JSON.stringify(work()));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(error.message);
    process.exitCode = USER_ERROR_STATUS;
  }
}
