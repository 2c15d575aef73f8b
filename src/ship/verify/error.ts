import { UserError } from "../../support/error.ts";

/** Whether a file is what this checkout builds cannot be told: one line for the reader. */
export class VerifyError extends UserError {
  override name = "VerifyError";
}

/** A file is something that no build makes: one line for the reader. */
export class OtherFileError extends UserError {
  override name = "OtherFileError";
}
