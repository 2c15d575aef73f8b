import { constants } from "node:os";

/** A signal came before the work was done; nothing of it is left. */
export class Interrupted extends Error {
  override name = "Interrupted";

  constructor(readonly signal: NodeJS.Signals) {
    super(`ended by ${signal}`);
  }

  /** What a shell says of a process that the signal ended. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

const ENDING: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

export type Watch = {
  /** Rejects with Interrupted at the first signal; pending until then. */
  readonly interrupted: Promise<never>;
  readonly came: () => NodeJS.Signals | undefined;
  readonly stop: () => void;
};

/** Notes the signals that would end this process, so that it can clean up and end by itself; `tell` hears of each. */
export function watchSignals(tell: () => void = () => {}): Watch {
  let came: NodeJS.Signals | undefined;
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  // Whoever waits for it handles it; where nobody does, `came` is asked.
  interrupted.catch(() => {});
  const note = (signal: NodeJS.Signals): void => {
    came ??= signal;
    tell();
    reject(new Interrupted(signal));
  };
  for (const signal of ENDING) process.on(signal, note);
  return {
    interrupted,
    came: () => came,
    stop: () => {
      for (const signal of ENDING) process.off(signal, note);
    },
  };
}
