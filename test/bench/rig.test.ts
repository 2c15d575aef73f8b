import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { charge } from "../../bench/cgroup.ts";
import { idle } from "../../bench/measure/idle.ts";
import { BARE } from "../../bench/measure/measurement.ts";
import { node } from "../../bench/measure/node.ts";
import { storms } from "../../bench/measure/storm.ts";
import type { Peer } from "../../bench/peers.ts";
import { QUICK } from "../../bench/plan.ts";
import { leave, startOnce } from "../../bench/rig.ts";
import type { Samples } from "../../bench/samples.ts";
import { PAUSE } from "../../harness/artifacts.ts";
import { compileC } from "../../harness/compile.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";

const RT_SIGTIMEDWAIT = 128;
const PAUSE_CALL = 34;

/** Reaps one child after each SIGCHLD, as tini does. */
const reaper: Peer = {
  name: "reaper",
  command: [compileC("bench-reaper", join(import.meta.dir, "reaper.c"), ["-O2", "-static"])],
  parksIn: RT_SIGTIMEDWAIT,
  env: {},
  endsOnSigterm: true,
};
const pause: Peer = { name: "pause", command: [PAUSE.path], parksIn: RT_SIGTIMEDWAIT, env: {}, endsOnSigterm: true };
/** Reaps nothing, and no signal ends it. */
const sleeper: Peer = {
  name: "sleeper",
  command: ["/usr/bin/sleep", "infinity"],
  parksIn: PAUSE_CALL,
  env: {},
  endsOnSigterm: false,
};

/** Of the three, those with a nonzero sample. */
function ran(samples: Samples, metric: string): string[] {
  const peers = Object.entries(samples[metric] ?? {});
  expect(peers.map(([name]) => name)).toEqual(["pause", "reaper", "sleeper"]);
  return peers.filter(([, values]) => values.some((value) => value > 0)).map(([name]) => name);
}

describe("the rig tells a program that reaps without running from one that runs and from one that does not reap", () => {
  testNeeding(NEEDS.namespaces)("in a storm", async () => {
    const samples: Samples = {};
    const plan = { ...QUICK, storms: [[200, 1]], stopped: [[200, 1]] } as const;
    await storms.run({ plan, peers: [pause, reaper, sleeper], samples, done: () => undefined });
    expect(ran(samples, "storm of 200: CPU, ns")).toEqual(["reaper"]);
    expect(ran(samples, "storm of 200: switches, count")).toEqual(["reaper"]);
    expect(samples["storm of 200: left, count"]).toEqual({ pause: [0], reaper: [0], sleeper: [200] });
    expect(samples["storm of 200: most zombies, count"]?.sleeper).toEqual([200]);
    expect(Object.keys(samples["storm of 200: wall, ns"] ?? {})).toEqual(["pause", "reaper", BARE]);
    expect(samples["stopped, storm of 200: zombies, count"]).toEqual({ pause: [0], reaper: [200], sleeper: [200] });
  });

  testNeeding(NEEDS.namespaces)("on a node of pods, whose group counts the orphans too", async () => {
    const samples: Samples = {};
    const plan = { ...QUICK, node: [5, 0.3, 1] } as const;
    await node.run({ plan, peers: [pause, reaper, sleeper], samples, done: () => undefined });
    expect(ran(samples, "node of 5 pods, 0.3 s: CPU of all pauses, ns")).toEqual(["reaper"]);
    expect(ran(samples, "node of 5 pods, 0.3 s: CPU of the pods' group, ns")).toEqual(["pause", "reaper", "sleeper"]);
    expect(ran(samples, "node of 5 pods, 0.3 s: memory charged for all pauses, bytes").length).toBe(3);
    expect(samples["node of 5 pods, 0.3 s: zombies left, count"]).toEqual({ pause: [0], reaper: [0], sleeper: [15] });
  });

  testNeeding(NEEDS.namespaces)("in windows of time with an orphan every 10 ms", async () => {
    const samples: Samples = {};
    await idle.run({
      plan: { ...QUICK, windows: [0.5, 1] },
      peers: [pause, reaper, sleeper],
      samples,
      done: () => undefined,
    });
    expect(ran(samples, "idle, 0.5 s: switches, count")).toEqual([]);
    expect(ran(samples, "orphans, 0.5 s: CPU, ns")).toEqual(["reaper"]);
    expect(samples["orphans: zombies left of 50, count"]).toEqual({ pause: [0], reaper: [0], sleeper: [50] });
  });

  testNeeding(NEEDS.namespaces)("at a start, and at an end in a storm", async () => {
    expect(await startOnce(pause)).toEqual({
      start: expect.any(Number),
      end: expect.any(Number),
      faults: expect.any(Number),
      status: 0,
    });
    expect(await startOnce(sleeper)).toEqual({
      start: expect.any(Number),
      end: expect.any(Number),
      faults: expect.any(Number),
      status: 9,
    });
    const { exiting, wall } = await leave(200, pause);
    expect(exiting).toBeGreaterThan(0);
    expect(exiting).toBeLessThanOrEqual(wall);
  });

  testNeeding(NEEDS.namespaces)("names a program that does not park", async () => {
    await expect(startOnce({ ...pause, command: ["/usr/bin/true"] })).rejects.toThrow(
      /\/usr\/bin\/true ended before it was in system call 128/,
    );
  });
});

describe("the charge of a memory group", () => {
  const charged = (files: Readonly<Record<string, string>>) => {
    const folder = mkdtempSync(join(tmpdir(), "pause-group-"));
    try {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      return charge(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  test("is read from cgroup v1 and v2, also if the kernel does not report its part", () => {
    expect(charged({ "memory.usage_in_bytes": "8192\n", "memory.kmem.usage_in_bytes": "4096\n" })).toEqual({
      total: 8192,
      kernel: 4096,
    });
    expect(
      charged({ "memory.current": "8192\n", "memory.stat": "anon 4096\nkernel 2048\nkernel_stack 1024\n" }),
    ).toEqual({ total: 8192, kernel: 2048 });
    expect(charged({ "memory.current": "8192\n", "memory.stat": "anon 4096\n" })).toEqual({
      total: 8192,
      kernel: Number.NaN,
    });
  });
});
