import { type EndingSignal, Interrupted } from "../support/interrupted.ts";

const ENDING: readonly EndingSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

export type Watch = {
  /** Rejects with Interrupted at the first signal; pending until then. */
  readonly interrupted: Promise<never>;
  readonly came: () => EndingSignal | undefined;
  readonly stop: () => void;
};

/**
 * Catches the signals that would end this process, so that it can clean up first. Calls `tell` for each. Not by a scope
 * (src/support/scope.ts): that takes Bun and bun:ffi, and the library runs in Node.js too.
 */
export function watchSignals(tell: () => void = () => {}): Watch {
  let came: EndingSignal | undefined;
  let reject: (reason: Interrupted) => void = () => {};
  const interrupted = new Promise<never>((_resolve, refuse) => {
    reject = refuse;
  });
  // The caller that awaits it handles it; otherwise, callers check `came`.
  interrupted.catch(() => {});
  const note = (signal: EndingSignal): void => {
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
