import { constants } from "node:os";

/** The signals that end a process by default and are handled here. */
export type EndingSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** A signal ended the run before its work was done; nothing of it is left. */
export class Interrupted extends Error {
  override name = "Interrupted";

  constructor(readonly signal: EndingSignal) {
    super(`ended by ${signal}`);
  }

  /** A shell reports the same status for a process that the signal killed. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}
