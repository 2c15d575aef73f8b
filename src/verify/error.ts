/** Whether a file is what this checkout builds cannot be told: one line for the reader. */
export class VerifyError extends Error {
  override name = "VerifyError";
}

/** A file is something that no build makes: one line for the reader. */
export class OtherFileError extends Error {
  override name = "OtherFileError";
}
