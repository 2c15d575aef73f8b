import { readdirSync, readFileSync } from "node:fs";

/** What the kernel says of a process, proc(5). */

const read = (pid: number, name: string) => readFileSync(`/proc/${pid}/${name}`, "latin1");

/** A field of /proc/PID/status. */
export function status(pid: number, field: string): string {
  return new RegExp(`^${field}:\\s+(.*)$`, "m").exec(read(pid, "status"))?.[1] ?? "";
}

/** A set of signals of /proc/PID/status, as numbers. */
export function signals(pid: number, field: "SigBlk" | "SigIgn" | "SigCgt" | "SigPnd"): number[] {
  const bits = BigInt(`0x${status(pid, field)}`);
  return Array.from({ length: 64 }, (_, index) => index + 1).filter((signal) => bits & (1n << BigInt(signal - 1)));
}

/** Time on a CPU in ns and times switched away from: /proc/PID/schedstat and status. */
export function cost(pid: number): { cpu: number; switches: number } {
  const switches = Number(status(pid, "voluntary_ctxt_switches")) + Number(status(pid, "nonvoluntary_ctxt_switches"));
  return { cpu: Number(read(pid, "schedstat").split(" ")[0]), switches };
}

/** rt_sigtimedwait(2), what every program here parks in: its number on x86-64 and on AArch64. */
export const RT_SIGTIMEDWAIT = process.arch === "arm64" ? 137 : 128;

/** Zombies count too. */
export function children(pid: number): number[] {
  return read(pid, `task/${pid}/children`).trim().split(" ").filter(Boolean).map(Number);
}

/** The number of the system call it is blocked in, or -1. */
export function blockedIn(pid: number): number {
  const [number = ""] = read(pid, "syscall").split(" ");
  return /^\d+$/.test(number) ? Number(number) : -1;
}

export const descriptors = (pid: number) =>
  readdirSync(`/proc/${pid}/fd`)
    .map(Number)
    .toSorted((a, b) => a - b);

/** A field of /proc/PID/status in kB. */
export const kilobytes = (pid: number, field: string) => Number.parseInt(status(pid, field), 10);

/**
 * A field of /proc/PID/smaps_rollup in kB, counted page by page. Linux 6.1 leaves the last pages of a task out of the
 * sums of /proc/PID/status, and 4 kB of 76 can be what it tells.
 */
export const rollup = (pid: number, field: string) =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(read(pid, "smaps_rollup"))?.[1]);

/** The size of this kernel's pages, bytes. */
export function pageSize(): number {
  const [, kB = ""] = /^KernelPageSize: +(\d+) kB$/m.exec(readFileSync("/proc/self/smaps", "latin1")) ?? [];
  if (kB === "")
    throw new Error("/proc/self/smaps does not tell the size of a page; the kernel needs CONFIG_PROC_PAGE_MONITOR");
  return Number(kB) * 1024;
}
