import { UserError } from "../../support/error.ts";

/**
 * A machine cannot be had, or does not do what it was booted for: the message says which, what was found and what to
 * do.
 */
export class MachineError extends UserError {
  override name = "MachineError";
}
