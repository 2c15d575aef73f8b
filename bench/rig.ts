import { mkdirSync, readFileSync, rmdirSync, existsSync } from "node:fs";
import { join } from "node:path";
import { compileC } from "../test/support/compile.ts";
import { BenchError, type Peer } from "./peers.ts";

const RIG = compileC("bench-rig", join(import.meta.dir, "rig.c"), ["-O2", "-static"]);
const CGROUPS = "/sys/fs/cgroup";
const VERSION_2 = existsSync(join(CGROUPS, "cgroup.controllers"));

/** What rig.c prints of one start, ns; and of one storm, ns and counts. */
export type Start = { readonly start: number; readonly end: number; readonly status: number };
export type Storm = Readonly<Record<"wall" | "cpu" | "switches" | "most" | "left" | "held" | "status", number>>;
export type Mode = "plain" | "stopped" | "leave" | "bare";

/** One start, and its end on SIGTERM, or SIGKILL for a program that does not end on the other. */
export const startOnce = (peer: Peer) => rig<Start>(["start", `${peer.parksIn}`, peer.endsOnSigterm ? "15" : "9", ...peer.command], peer.env);

/** A storm of `count` orphans for `peer`; without one, for the rig itself: what the orphans alone cost. */
export const storm = (count: number, mode: Mode, peer?: Peer) =>
  withGroup("pids", (group) => rig<Storm>(["storm", `${count}`, mode, ...(peer === undefined ? [] : [`${peer.parksIn}`, ...peer.command])], { ...peer?.env, BENCH_PIDS: group }));

export const tick = (pid: number, seconds: number, intervalUs: number) => rig<{ orphans: number }>(["tick", `${pid}`, `${seconds}`, `${intervalUs}`], {});

/** Runs `use` with the PIDs of `count` parked copies of `peer`, started in the memory group `group` if one is given. */
export async function held<T>(peer: Peer, count: number, group: string | undefined, use: (pids: readonly number[]) => Promise<T>): Promise<T> {
  const env = { ...peer.env, ...(group === undefined ? {} : { BENCH_MEMORY: group }) };
  const child = Bun.spawn([RIG, "hold", `${count}`, `${peer.parksIn}`, ...peer.command], { env, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  try {
    return await use(await pidsOf(peer, child.stdout, child.stderr));
  } finally {
    await child.stdin.end();
    await child.exited;
  }
}

async function pidsOf(peer: Peer, stdout: ReadableStream<Uint8Array>, stderr: ReadableStream<Uint8Array>): Promise<number[]> {
  let text = "";
  for await (const chunk of stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.endsWith("]\n")) return JSON.parse(text) as number[];
  }
  throw new BenchError(`${peer.name} could not be held: ${(await new Response(stderr).text()).trim()}`);
}

/** A control group of its own for `use`; its last process may take a moment to leave it. */
export async function withGroup<T>(controller: "pids" | "memory", use: (group: string) => Promise<T>): Promise<T> {
  const group = join(CGROUPS, VERSION_2 ? "" : controller, `pause-bench-${process.pid}`);
  mkdirSync(group);
  try {
    return await use(group);
  } finally {
    for (let tries = 0; tries < 1000 && existsSync(group); tries++) {
      try {
        rmdirSync(group);
      } catch {
        await Bun.sleep(10);
      }
    }
  }
}

/** What the memory group `group` is charged with, and the kernel's part of it, bytes; NaN where the kernel does not tell. */
export function charge(group: string): { total: number; kernel: number } {
  if (!VERSION_2) return { total: readNumber(join(group, "memory.usage_in_bytes")), kernel: readNumber(join(group, "memory.kmem.usage_in_bytes")) };
  const kernel = /^kernel (\d+)$/m.exec(readFileSync(join(group, "memory.stat"), "latin1"))?.[1];
  return { total: readNumber(join(group, "memory.current")), kernel: Number(kernel ?? Number.NaN) };
}

export const CGROUP_VERSION = VERSION_2 ? "v2" : "v1";

const readNumber = (file: string) => (existsSync(file) ? Number(readFileSync(file, "latin1")) : Number.NaN);

async function rig<T>(args: readonly string[], env: Readonly<Record<string, string>>): Promise<T> {
  const child = Bun.spawn([RIG, ...args], { env: { ...env }, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (status !== 0) throw new BenchError(`the rig's ${args.slice(0, 5).join(" ")} failed: ${err.trim() || `it ended with ${status}`}`);
  return JSON.parse(out) as T;
}
