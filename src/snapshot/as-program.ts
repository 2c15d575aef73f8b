import { writeFileSync } from "node:fs";
import { UserError } from "../support/error.ts";
import { takeOwnState } from "./own-state.ts";

/** The exit status of a stage's program after a UserError. Bun exits with 1 for a bug. */
export const USER_ERROR_STATUS = 2;

/**
 * Runs a stage as a separate program: writes the return value of `work` to `result`, as JSON. Nothing that the process
 * inherits changes the result.
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
