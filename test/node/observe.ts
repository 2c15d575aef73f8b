import { readFileSync, readlinkSync } from "node:fs";
import { blockedIn, children, kilobytes, RT_SIGTIMEDWAIT, status } from "../../harness/proc.ts";
import { sha256 } from "../../src/support/hash.ts";
import type { Cri } from "../runtimes/cri.ts";
import { ORPHANS } from "../runtimes/pod.ts";
import type { TestPod } from "./pods.ts";

/** Observations, a line of each kind, to compare two programs. */
export type Seen = Record<string, string>;
/** Measurements, which differ from run to run: kB, ms. */
export type Figures = Record<string, number>;

const PATIENCE_MS = 90_000;

/** Asks until there is an answer; undefined if none came in time. */
export async function eventually<T>(ask: () => Promise<T | undefined>, ms = PATIENCE_MS): Promise<T | undefined> {
  for (const limit = performance.now() + ms; performance.now() < limit; await Bun.sleep(50)) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/**
 * The PID of a pod's sandbox, as the runtime reports it; 0 if it has no process. Undefined while there is no such pod.
 */
export async function sandboxPid(cri: Cri, name: string): Promise<number | undefined> {
  const pod = (await cri.pods()).find((pod) => pod.name.startsWith(name) && pod.state === "SANDBOX_READY");
  if (pod === undefined) return undefined;
  const { info = "{}" } = await cri.podInfo(pod.id);
  return (JSON.parse(info) as { pid?: number }).pid ?? 0;
}

/** Is it /pause, parked in the wait that all these programs use? */
export const isParked = (pid: number): boolean =>
  readlinkSync(`/proc/${pid}/exe`) === "/pause" && blockedIn(pid) === RT_SIGTIMEDWAIT;

/** The kernel's facts about a pod's sandbox, in words; and its memory. */
export function describe(pid: number): { readonly seen: string; readonly resident: number } {
  const ids = (field: string) => status(pid, field).split("\t")[0] ?? "";
  const words = [
    isParked(pid) ? "parked" : "not parked",
    `PID ${status(pid, "NSpid").split("\t").at(-1) === "1" ? "1" : "not 1"} of its namespace`,
    `uid ${ids("Uid")}, gid ${ids("Gid")}`,
    `${capabilities(pid)} capabilities`,
    `NoNewPrivs ${status(pid, "NoNewPrivs")}`,
    `seccomp mode ${status(pid, "Seccomp")}`,
  ];
  return { seen: words.join(", "), resident: kilobytes(pid, "VmRSS") };
}

const capabilities = (pid: number) =>
  BigInt(`0x${status(pid, "CapEff")}`)
    .toString(2)
    .replaceAll("0", "").length;

/** SHA-256 of the file that a process runs. */
export const fileOf = (pid: number): string => sha256(readFileSync(`/proc/${pid}/exe`));

/** Waits for /pause to get the pod's orphans, ends them, and says whether it reaped all. */
export async function orphans(pid: number): Promise<string> {
  const made = await eventually(async () => (children(pid).length === ORPHANS ? children(pid) : undefined));
  if (made === undefined) return `${children(pid).length} of ${ORPHANS} orphans became its`;
  for (const orphan of made) process.kill(orphan, "SIGKILL");
  const reaped = await eventually(async () => (children(pid).length === 0 ? true : undefined), 5000);
  return reaped === true ? `${ORPHANS} orphans reaped` : `${children(pid).length} of ${ORPHANS} orphans left`;
}

/** The state of a pod's containers: of the newest one, how each ended one ended, and whether there were several. */
export async function containersOf(cri: Cri, { name, crashes = false }: TestPod): Promise<string | undefined> {
  const pod = (await cri.pods()).find((pod) => pod.name.startsWith(name));
  const all = (await cri.containers()).filter((container) => container.pod === pod?.id);
  const statuses = await Promise.all(all.map(({ id }) => cri.status(id)));
  const ended = statuses.filter(({ state }) => state === "CONTAINER_EXITED").map(({ exitCode }) => exitCode);
  if (crashes) return ended.length >= 1 ? `ended with ${[...new Set(ended)].join(", ")}` : undefined;
  return statuses.some(({ state }) => state === "CONTAINER_RUNNING") ? "running" : undefined;
}
