import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { asUserError, type UserError } from "./error.ts";
import { Interrupted, Scope } from "./scope.ts";

/** What a command does with the words behind its name; its exit status, 0 where it returns none. */
export type Main = (run: Scope, words: readonly string[]) => Promise<number> | Promise<void>;

/** How long main may take to end in its own way when a signal came, ms. */
const ENDING_MS = 3000;

/**
 * Runs the command `name`: its main gets a scope, which ends with it, and the words of the command line. What the user
 * can mend is one line on stderr, `name: message`, and the exit status 1, or what `statusOf` says. SIGINT, SIGTERM and
 * SIGHUP end all that was begun, and then the process, with 128 and the signal's number. Any other error is a bug and
 * keeps its stack trace.
 */
export async function command(
  name: string,
  main: Main,
  statusOf: (error: UserError) => number = () => 1,
): Promise<void> {
  const run = new Scope();
  heedSignals(run);
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
  // Something may still be waited for that would keep the process.
  process.exit(reason.exitCode);
}

async function perform(scope: Scope, main: Main): Promise<number> {
  await using run = scope;
  const work = Promise.resolve(main(run, process.argv.slice(2)));
  // Where a signal came, nobody asks how it ended.
  work.catch(() => {});
  const status = await Promise.race([work, aborted(run.signal)]);
  if (!run.signal.aborted) return status ?? 0;
  // What it has begun ends in its own way first.
  await Promise.race([work.catch(() => {}), Bun.sleep(ENDING_MS)]);
  throw run.signal.reason;
}

const aborted = (signal: AbortSignal) =>
  new Promise<undefined>((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));

/**
 * A second signal changes nothing: Ctrl-C comes from the terminal and from npm or Bun, too. SIGHUP stays ignored where
 * it was ignored at the start: nohup(1) does so. SIGINT does not: a shell ignores it for each job in the background,
 * though nobody asked for that. SIGCHLD must not be ignored: how a child ended would be lost.
 */
function heedSignals(run: Scope): void {
  const ignored = ignoredSignals();
  const heeded: NodeJS.Signals[] = ["SIGINT", "SIGTERM", ...(ignored("SIGHUP") ? [] : ["SIGHUP" as const])];
  for (const signal of heeded) process.on(signal, () => run.abort(new Interrupted(signal)));
  if (ignored("SIGCHLD")) process.on("SIGCHLD", () => {});
}

/** By SigIgn of /proc/self/status (proc(5)), of which bit 0 is signal 1; none where there is no such file. */
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
