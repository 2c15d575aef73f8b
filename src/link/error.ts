import { UserError } from "../support/error.ts";

/**
 * An input that cannot be linked. The message says what was being done, to which file, what was found and what to do.
 */
export class LinkError extends UserError {
  override name = "LinkError";
}
