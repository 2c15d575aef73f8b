import { join } from "node:path";
import { type CProgram, compileProgram } from "../harness/compile.ts";
import { UserError } from "../src/support/error.ts";
import { withGroup } from "./cgroup.ts";
import type { Peer } from "./peers.ts";

/** What rig.c prints: of one start, with its page faults; of one storm; of a SIGTERM in a storm; of a call and a page. Times in ns. */
export type Start = { readonly start: number; readonly end: number; readonly faults: number; readonly status: number };
export type Storm = Readonly<Record<"wall" | "cpu" | "switches" | "most" | "left" | "held", number>>;
export type Leave = { readonly wall: number; readonly exiting: number };
export type Prices = { readonly call: number; readonly touch: number };
export type Mode = "plain" | "stopped" | "bare";

/** Starts it once and ends it with SIGTERM, or with SIGKILL if it ignores SIGTERM. */
export const startOnce = (peer: Peer) =>
  rig<Start>(["start", `${peer.parksIn}`, peer.endsOnSigterm ? "15" : "9", ...peer.command], peer.env);

/** A storm of `count` orphans for `peer`; without a peer, for the rig itself: the cost of the orphans alone. */
export const storm = (count: number, mode: Mode, peer?: Peer) =>
  withGroup("pids", (group) =>
    rig<Storm>(["storm", `${count}`, mode, ...(peer === undefined ? [] : [`${peer.parksIn}`, ...peer.command])], {
      ...peer?.env,
      BENCH_PIDS: group,
    }),
  );

/** A storm of `count` orphans for `peer`, the middle one of which sends SIGTERM. */
export const leave = (count: number, peer: Peer) =>
  rig<Leave>(["leave", `${count}`, `${peer.parksIn}`, ...peer.command], peer.env);

export const tick = (pid: number, count: number, intervalUs: number) =>
  rig<{ orphans: number }>(["tick", `${pid}`, `${count}`, `${intervalUs}`], {});

/** Leaves an orphan in each PID's namespace, `count` times, in the control groups `groups`. Returns their number. */
export const orphansOfNode = (pids: readonly number[], count: number, intervalUs: number, groups: readonly string[]) =>
  rig<{ orphans: number }>(["node", `${count}`, `${intervalUs}`, ...pids.map(String)], {
    BENCH_GROUPS: groups.join(" "),
  });

export const prices = () => rig<Prices>(["prices"], {});

/** Runs `use` with the PIDs of `count` parked copies of `peer`, started in the control groups `groups`. */
export async function held<T>(
  peer: Peer,
  count: number,
  groups: readonly string[],
  use: (pids: readonly number[]) => Promise<T>,
): Promise<T> {
  const env = { ...peer.env, BENCH_GROUPS: groups.join(" ") };
  const child = Bun.spawn([executable(), "hold", `${count}`, `${peer.parksIn}`, ...peer.command], {
    env,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  try {
    const result = await use(await pidsOf(peer, child.stdout, child.stderr));
    if (child.exitCode !== null || child.signalCode !== null)
      throw new UserError(`the rig that held ${peer.name} ended too soon; discard what was measured meanwhile`);
    return result;
  } finally {
    await child.stdin.end();
    await child.exited;
  }
}

async function pidsOf(
  peer: Peer,
  stdout: ReadableStream<Uint8Array>,
  stderr: ReadableStream<Uint8Array>,
): Promise<number[]> {
  let text = "";
  for await (const chunk of stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.endsWith("]\n")) return JSON.parse(text) as number[];
  }
  throw new UserError(`cannot hold ${peer.name}: ${(await new Response(stderr).text()).trim()}`);
}

async function rig<T>(args: readonly string[], env: Readonly<Record<string, string>>): Promise<T> {
  const child = Bun.spawn([executable(), ...args], {
    env: { ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (status !== 0)
    throw new UserError(`the rig's ${args.slice(0, 5).join(" ")} failed: ${err.trim() || `it exited with ${status}`}`);
  return JSON.parse(out) as T;
}

export const RIG: CProgram = { name: "bench-rig", source: join(import.meta.dir, "rig.c"), flags: ["-O2", "-static"] };
/** Compiled on first use. */
let compiled: string | undefined;
const executable = () => (compiled ??= compileProgram(RIG));
