import { readlinkSync } from "node:fs";
import { blockedIn, children, cost, kilobytes } from "../../harness/proc.ts";
import { soon } from "../../harness/stage.ts";
import { start } from "./tools.ts";

/** rt_sigtimedwait(2) on x86-64, in which /pause parks. */
const RT_SIGTIMEDWAIT = 128;

export const ORPHANS = 20;

/** For busybox's shell in a container of a pod: makes orphans that stay, and stays too. */
export const MAKE_ORPHANS = `for i in $(seq ${ORPHANS}); do (busybox sleep 1000 &); done; exec busybox sleep 1000`;

export const GOODBYE = "Shutting down, got signal: Terminated\n";

/**
 * The cost of one pod whose orphans were reaped: kB of memory, and how often its /pause was switched away from since it
 * parked.
 */
export type Cost = { readonly resident: number; readonly anonymous: number; readonly switches: number };

/** Waits until the process runs /pause and is parked. */
export async function parked(pid: number): Promise<void> {
  await soon(`process ${pid} to park as /pause`, () => (isParked(pid) ? true : undefined));
}

function isParked(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === "/pause" && blockedIn(pid) === RT_SIGTIMEDWAIT;
  } catch {
    return false; // the runtime has not executed it yet, or it ended
  }
}

/** Waits until /pause, as PID 1, has got a container's orphans, ends them all, and waits until it has reaped each. */
export async function orphansAreReaped(pause: number): Promise<Cost> {
  await parked(pause);
  const before = cost(pause);
  const orphans = await soon(`${ORPHANS} orphans to become children of /pause`, () =>
    exactly(ORPHANS, children(pause)),
  );
  for (const orphan of orphans) process.kill(orphan, "SIGKILL");
  await soon(`/pause to reap ${ORPHANS} orphans`, () => exactly(0, children(pause)));
  await parked(pause);
  return {
    resident: kilobytes(pause, "VmRSS"),
    anonymous: kilobytes(pause, "RssAnon"),
    switches: cost(pause).switches - before.switches,
  };
}

/**
 * The same for orphans of a process of this machine that joins /pause's PIDs. Kills the process after they are reaped.
 */
export async function joinedOrphansAreReaped(pause: number): Promise<void> {
  const joined = start(["nsenter", "--target", `${pause}`, "--pid", "busybox", "sh", "-c", MAKE_ORPHANS]);
  try {
    await orphansAreReaped(pause);
  } finally {
    joined.kill();
  }
}

/**
 * The PID of the parked /pause, among the processes below a runtime that has started it.
 * @throws Error with the runtime's message when it has ended instead.
 */
export async function pauseBelow({ pid, ended }: ReturnType<typeof start>): Promise<number> {
  const found = await Promise.race([
    soon(`a /pause below process ${pid} to park`, () => below(pid).find(isParked)),
    ended,
  ]);
  if (typeof found !== "number") throw new Error(`it exited with ${found.status}: ${found.stderr}${found.stdout}`);
  return found;
}

function below(pid: number): number[] {
  try {
    return children(pid).flatMap((child) => [child, ...below(child)]);
  } catch {
    return []; // it ended
  }
}

const exactly = <T>(count: number, items: readonly T[]) => (items.length === count ? items : undefined);
