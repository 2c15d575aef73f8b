import { readFileSync } from "node:fs";
import { Bench } from "tinybench";
import * as elf from "../src/elf/constants.ts";
import { ElfFile } from "../src/elf/file.ts";
import { children, cost, kilobytes, status } from "../test/support/proc.ts";
import type { Peer } from "./peers.ts";
import type { Plan } from "./plan.ts";
import { charge, held, type Start, startOnce, storm, tick, withGroup } from "./rig.ts";
import { add, type Samples } from "./samples.ts";

/** One measurement: what it is called with --only, and how it fills the samples. `step` is told of each piece of work done. */
export type Measurement = {
  readonly name: string;
  readonly steps: (plan: Plan, peers: readonly Peer[]) => number;
  readonly run: (plan: Plan, peers: readonly Peer[], samples: Samples, step: () => void) => Promise<void>;
};

/** The name of the run without any program, which shows what the orphans themselves cost. */
export const BARE = "no PID 1";

/** An orphan every 10 ms: the interval of rig.c, us. */
const TICK_US = 10_000;

/** All at once, so that whatever else the machine does hits all alike. */
const idle: Measurement = {
  name: "idle",
  steps: ({ idleSeconds, tickSeconds }) => idleSeconds + tickSeconds,
  run: (plan, peers, samples, step) =>
    all(peers, async (pids) => {
      await Bun.sleep(500);
      await counted("idle", pids, peers, samples, () => seconds(plan.idleSeconds, step));
      await counted("orphans", pids, peers, samples, async () => {
        const ticks = pids.map((pid) => tick(pid, plan.tickSeconds, TICK_US));
        const [first] = await Promise.all([Promise.all(ticks), seconds(plan.tickSeconds, step)]);
        for (const [index, { orphans }] of first.entries()) add(samples, "orphans handed over, count", peers[index]?.name ?? "", orphans);
      });
    }),
};

const storms: Measurement = {
  name: "storm",
  steps: ({ storms, stopped }, peers) => rounds(storms) * (peers.length + 1) + rounds(stopped) * peers.length,
  run: async (plan, peers, samples, step) => {
    for (const [size, times] of plan.storms) {
      for (let round = 0; round < times; round++) {
        for (const peer of [...peers, undefined]) {
          const { wall, cpu, switches, most, left } = await storm(size, peer === undefined ? "bare" : "plain", peer);
          const name = peer?.name ?? BARE;
          if (left === 0) add(samples, `storm of ${size} wall, ns`, name, wall);
          if (peer !== undefined) {
            add(samples, `storm of ${size} CPU, ns`, name, cpu);
            add(samples, `storm of ${size} switches, count`, name, switches);
            add(samples, `storm of ${size} most zombies, count`, name, most);
            add(samples, `storm of ${size} left, count`, name, left);
          }
          step();
        }
      }
    }
    for (const [size, times] of plan.stopped) {
      for (let round = 0; round < times; round++) {
        for (const peer of peers) {
          const { wall, cpu, held: zombies, left } = await storm(size, "stopped", peer);
          if (left === 0) add(samples, `stopped, storm of ${size} wall, ns`, peer.name, wall);
          add(samples, `stopped, storm of ${size} CPU, ns`, peer.name, cpu);
          add(samples, `stopped, storm of ${size} zombies, count`, peer.name, zombies);
          step();
        }
      }
    }
  },
};

const starts: Measurement = {
  name: "start",
  steps: ({ startRounds, startsARound }, peers) => startRounds * startsARound * peers.length,
  run: async (plan, peers, samples, step) => {
    for (let round = 0; round < plan.startRounds; round++) {
      const taken = new Map(peers.map(({ name }) => [name, [] as Start[]]));
      const tasks = peers.map((peer): Timed => [peer.name, async () => {
        const sample = await startOnce(peer);
        taken.get(peer.name)?.push(sample);
        step();
        return sample.start;
      }]);
      await timed(tasks, plan.startsARound, "exec to parked, ns", samples);
      for (const { name, endsOnSigterm } of peers) {
        if (endsOnSigterm) add(samples, "SIGTERM to exit, ns", name, ...(taken.get(name) ?? []).map(({ end }) => end));
      }
    }
  },
};

const memory: Measurement = {
  name: "memory",
  steps: ({ crowds }, peers) => rounds(crowds) * peers.length,
  run: async (plan, peers, samples, step) => {
    // What is in the page cache is charged to who brought it there: all files are, before anything is charged.
    for (const peer of peers) await held(peer, 1, undefined, () => Promise.resolve());
    for (const [size, times] of plan.crowds) {
      for (let round = 0; round < times; round++) {
        for (const peer of peers) {
          await withGroup("memory", (group) =>
            held(peer, size, group, async (pids) => {
              await Bun.sleep(200);
              const { total, kernel } = charge(group);
              add(samples, `charge of each of ${size}, bytes`, peer.name, total / size);
              if (!Number.isNaN(kernel)) add(samples, `charge of each of ${size}, of it kernel, bytes`, peer.name, kernel / size);
              if (size === 1) for (const [what, value] of memoryOf(pids[0] ?? 0)) add(samples, what, peer.name, value);
            }),
          );
          step();
        }
      }
    }
  },
};

const size: Measurement = {
  name: "size",
  steps: (_, peers) => peers.length,
  run: async (plan, peers, samples, step) => {
    for (const peer of peers) {
      const bytes = new Uint8Array(readFileSync(peer.command[0] ?? ""));
      const loads = new ElfFile(peer.name, bytes).segmentsOf(elf.PT_LOAD);
      add(samples, "file, bytes", peer.name, bytes.length);
      add(samples, "gzip -9, bytes", peer.name, Bun.gzipSync(bytes, { level: 9 }).length);
      add(samples, `zstd -${plan.zstdLevel}, bytes`, peer.name, (await Bun.zstdCompress(bytes, { level: plan.zstdLevel })).length);
      add(samples, "pages mapped, count", peer.name, loads.reduce((pages, { memsz }) => pages + Math.ceil(memsz / 4096), 0));
      add(samples, "segments, count", peer.name, loads.length);
      step();
    }
  },
};

const latency: Measurement = {
  name: "latency",
  steps: ({ leave: [, times] }, peers) => times * ending(peers).length,
  run: async (plan, peers, samples, step) => {
    const [count, times] = plan.leave;
    for (let round = 0; round < times; round++) {
      const tasks = ending(peers).map((peer): Timed => [peer.name, async () => {
        const { wall } = await storm(count, "leave", peer);
        step();
        return wall;
      }]);
      await timed(tasks, 1, `SIGTERM to exit in a storm of ${count}, ns`, samples);
    }
  },
};

export const MEASUREMENTS: readonly Measurement[] = [idle, storms, starts, memory, size, latency];

const ending = (peers: readonly Peer[]) => peers.filter(({ endsOnSigterm }) => endsOnSigterm);

type Timed = readonly [name: string, ns: () => Promise<number>];

/** Has tinybench run each task `iterations` times; the time of each run is what the rig measured. */
async function timed(tasks: readonly Timed[], iterations: number, metric: string, samples: Samples): Promise<void> {
  const bench = new Bench({ iterations, time: 0, warmup: false, retainSamples: true, throws: true });
  for (const [name, ns] of tasks) bench.add(name, async () => ({ overriddenDuration: (await ns()) / 1e6 }));
  await bench.run();
  for (const { name, result } of bench.tasks) {
    if (!("latency" in result)) throw new Error(`${name} has no samples`);
    add(samples, metric, name, ...(result.latency.samples ?? []).map((ms) => Math.round(ms * 1e6)));
  }
}

const rounds = (list: readonly (readonly [size: number, times: number])[]) => list.reduce((sum, [, times]) => sum + times, 0);

/** Runs `use` with one of each peer parked. */
function all(peers: readonly Peer[], use: (pids: readonly number[]) => Promise<void>): Promise<void> {
  const [first, ...others] = peers;
  if (first === undefined) return use([]);
  return held(first, 1, undefined, ([pid = 0]) => all(others, (pids) => use([pid, ...pids])));
}

async function seconds(count: number, step: () => void): Promise<void> {
  for (let second = 0; second < count; second++) {
    await Bun.sleep(1000);
    step();
  }
}

/** What each process did while `period` went by. */
async function counted(what: string, pids: readonly number[], peers: readonly Peer[], samples: Samples, period: () => Promise<void>): Promise<void> {
  const before = pids.map(look);
  await period();
  for (const [index, pid] of pids.entries()) {
    const [then, now, name] = [before[index], look(pid), peers[index]?.name];
    if (then === undefined || name === undefined) continue;
    add(samples, `${what}: CPU, ns`, name, now.cpu - then.cpu);
    add(samples, `${what}: switches, count`, name, now.switches - then.switches);
    add(samples, `${what}: page faults, count`, name, now.faults - then.faults);
    add(samples, `${what}: threads, count`, name, Number(status(pid, "Threads")));
  }
}

/** Fields 10 and 12 of /proc/PID/stat, counted from behind the name: minor and major faults. */
function look(pid: number) {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return { ...cost(pid), faults: Number(fields[7]) + Number(fields[9]) };
}

/** Of PID 1 and what it started itself, for a user pays for all of it: bytes. */
function memoryOf(pid: number): [string, number][] {
  const tree = [pid, ...children(pid)];
  const sum = (of: (pid: number) => number) => tree.reduce((total, member) => total + of(member), 0) * 1024;
  const pss = (member: number) => Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${member}/smaps_rollup`, "latin1"))?.[1] ?? 0);
  return [
    ["RSS, bytes", sum((member) => kilobytes(member, "VmRSS"))],
    ["PSS, bytes", sum(pss)],
    ["anonymous, bytes", sum((member) => kilobytes(member, "RssAnon"))],
    ["page tables, bytes", sum((member) => kilobytes(member, "VmPTE"))],
  ];
}
