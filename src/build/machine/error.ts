import { UserError } from "../../support/error.ts";

/**
 * A machine is missing a part, or does not do what it was booted for. The message says which machine, what was found
 * and what to do.
 */
export class MachineError extends UserError {
  override name = "MachineError";
}
