import { readdirSync, readFileSync } from "node:fs";

/** What the kernel reports about a process, proc(5). */

const read = (pid: number, name: string) => readFileSync(`/proc/${pid}/${name}`, "latin1");

/** A field of /proc/PID/status. */
export function status(pid: number, field: string): string {
  return new RegExp(`^${field}:\\s+(.*)$`, "m").exec(read(pid, "status"))?.[1] ?? "";
}

/** A signal set from /proc/PID/status, as signal numbers. */
export function signals(pid: number, field: "SigBlk" | "SigIgn" | "SigCgt" | "SigPnd"): number[] {
  const bits = BigInt(`0x${status(pid, field)}`);
  return Array.from({ length: 64 }, (_, index) => index + 1).filter((signal) => bits & (1n << BigInt(signal - 1)));
}

/** CPU time in ns and number of context switches, from /proc/PID/schedstat and status. */
export function cost(pid: number): { cpu: number; switches: number } {
  const switches = Number(status(pid, "voluntary_ctxt_switches")) + Number(status(pid, "nonvoluntary_ctxt_switches"));
  return { cpu: Number(read(pid, "schedstat").split(" ")[0]), switches };
}

/** rt_sigtimedwait(2), in which every program here parks: its number on x86-64 and on AArch64. */
export const RT_SIGTIMEDWAIT = process.arch === "arm64" ? 137 : 128;

/** Includes zombies. */
export function children(pid: number): number[] {
  return read(pid, `task/${pid}/children`).trim().split(" ").filter(Boolean).map(Number);
}

/** The number of the system call that blocks it, or -1. */
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
 * A field of /proc/PID/smaps_rollup in kB, which counts page by page. The sums in /proc/PID/status are off on Linux
 * 6.1: they leave out a task's last pages, and may show 4 kB of 76.
 */
export const rollup = (pid: number, field: string) =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(read(pid, "smaps_rollup"))?.[1]);

/** This kernel's page size, bytes. */
export function pageSize(): number {
  const [, kB = ""] = /^KernelPageSize: +(\d+) kB$/m.exec(readFileSync("/proc/self/smaps", "latin1")) ?? [];
  if (kB === "")
    throw new Error("/proc/self/smaps does not show the page size; the kernel needs CONFIG_PROC_PAGE_MONITOR");
  return Number(kB) * 1024;
}
