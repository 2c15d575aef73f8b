/** No snapshot can be taken, or the one taken must not ship: the message says what was found and what to do. */
export class SnapshotError extends Error {
  override name = "SnapshotError";
}
