/** A package of Debian cannot be had: the message says which, what was found and what to do. */
export class DebianError extends Error {
  override name = "DebianError";
}
