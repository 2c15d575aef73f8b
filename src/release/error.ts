/** A release cannot be made of what is there: one line for the reader, no stack trace. */
export class ReleaseError extends Error {
  override name = "ReleaseError";
}
