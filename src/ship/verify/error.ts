import { UserError } from "../../support/error.ts";

/** It is not possible to tell whether this checkout builds the file: one line for the reader. */
export class VerifyError extends UserError {
  override name = "VerifyError";
}

/** No build makes such a file: one line for the reader. */
export class OtherFileError extends UserError {
  override name = "OtherFileError";
}
