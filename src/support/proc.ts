import { readdirSync, readFileSync } from "node:fs";

/** What the kernel reports about a process, proc(5). */

/** Sums fields 10 and 12 of /proc/PID/stat, the minor and major faults. Counts fields from after the name. */
export function readFaults(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[7]) + Number(fields[9]);
}

export type Process = { readonly pid: number; readonly name: string };

/** Includes zombies. Reads each process's own file, because not every kernel has /proc/PID/task/TID/children. */
export function childrenOf(parent: number): readonly Process[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).flatMap((pid) => {
    const [, name = "", of = ""] = /^\d+ \((.*)\) \S+ (\d+) /s.exec(read(pid, "stat") ?? "") ?? [];
    return Number(of) === parent ? [{ pid, name }] : [];
  });
}

/** Returns a field of /proc/PID/status; undefined if the kernel does not report it or the process is gone. */
export const field = (pid: number, name: string): string | undefined =>
  new RegExp(`^${name}:\\s+(.*)$`, "m").exec(read(pid, "status") ?? "")?.[1];

/** CPU time, ns: the first number of /proc/PID/schedstat. Undefined if the kernel does not count it. */
export function cpuOf(pid: number): number | undefined {
  const [nanoseconds] = read(pid, "schedstat")?.split(" ") ?? [];
  return nanoseconds === undefined ? undefined : Number(nanoseconds);
}

function read(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return undefined;
  }
}
