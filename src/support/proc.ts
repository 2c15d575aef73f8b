import { readFileSync } from "node:fs";

/** proc(5), /proc/PID/stat: fields 10 and 12, the minor and major faults, counted from behind the name. */
export function readFaults(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[7]) + Number(fields[9]);
}
