/** What stands in the way of moving to another Bun: one line for the reader, no stack trace. */
export class PinError extends Error {
  override name = "PinError";
}
