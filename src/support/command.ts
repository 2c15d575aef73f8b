import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { asUserError, type UserError } from "./error.ts";
import { type EndingSignal, Interrupted } from "./interrupted.ts";
import { Scope } from "./scope.ts";

/** What a command does with the words after its name. Returns the exit status; nothing means 0. */
export type Main = (run: Scope, words: readonly string[]) => Promise<number> | Promise<void>;

/** How long main may take to end by itself after a signal, ms. */
const ENDING_MS = 3000;

/**
 * Runs the command `name`: main gets the words of the command line and a scope that ends with it. A UserError becomes
 * one line on stderr, `name: message`, and exit status 1, or the one that `statusOf` gives. SIGINT, SIGTERM and SIGHUP
 * end all that main began, then the process, with 128 plus the signal's number. Any other error is a bug and keeps its
 * stack trace.
 */
export async function command(
  name: string,
  main: Main,
  statusOf: (error: UserError) => number = () => 1,
): Promise<void> {
  const run = new Scope();
  handleSignals(run);
  try {
    process.exitCode = await perform(run, main);
  } catch (error) {
    const known = run.signal.aborted ? undefined : asUserError(error);
    if (known !== undefined) {
      console.error(`${name}: ${known.message}`);
      process.exitCode = statusOf(known);
    } else if (!run.signal.aborted) throw error;
  }
  const { reason } = run.signal;
  if (!(reason instanceof Interrupted)) return;
  console.error(`${name}: ${reason.message}`);
  // Something still pending could keep the process alive.
  process.exit(reason.exitCode);
}

async function perform(scope: Scope, main: Main): Promise<number> {
  await using run = scope;
  const work = Promise.resolve(main(run, process.argv.slice(2)));
  // After a signal, nobody asks how main ended.
  work.catch(() => {});
  const status = await Promise.race([work, aborted(run.signal)]);
  if (!run.signal.aborted) return status ?? 0;
  // Let main end what it began in its own way first.
  await Promise.race([work.catch(() => {}), Bun.sleep(ENDING_MS)]);
  throw run.signal.reason;
}

const aborted = (signal: AbortSignal) =>
  new Promise<undefined>((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));

/**
 * A second signal changes nothing: one Ctrl-C arrives from the terminal and again from npm or Bun. SIGHUP stays ignored
 * if it was ignored at the start, as nohup(1) does. SIGINT does not: a shell ignores it for every background job,
 * unasked. SIGCHLD must not be ignored: the kernel would discard how a child ended.
 */
function handleSignals(run: Scope): void {
  const ignored = ignoredSignals();
  const handled: EndingSignal[] = ["SIGINT", "SIGTERM", ...(ignored("SIGHUP") ? [] : ["SIGHUP" as const])];
  for (const signal of handled) process.on(signal, () => run.abort(new Interrupted(signal)));
  if (ignored("SIGCHLD")) process.on("SIGCHLD", () => {});
}

/** Reads SigIgn of /proc/self/status (proc(5)): bit 0 is signal 1. Without that file, no signal counts as ignored. */
function ignoredSignals(): (signal: "SIGHUP" | "SIGCHLD") => boolean {
  let mask = 0n;
  try {
    const [, digits = "0"] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "latin1")) ?? [];
    mask = BigInt(`0x${digits}`);
  } catch {
    // Not Linux.
  }
  return (signal) => ((mask >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}
