/** What cannot be explained, and why: one line for the reader. */
export class ExplainError extends Error {
  override name = "ExplainError";
}
