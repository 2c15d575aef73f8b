import { children, cost, status } from "../../harness/proc.ts";
import { readFaults } from "../../src/support/proc.ts";
import type { Peer } from "../peers.ts";
import { windowName } from "../plan.ts";
import { held, tick } from "../rig.ts";
import { add } from "../samples.ts";
import type { Measurement, Task } from "./measurement.ts";

/** An orphan every 10 ms: the interval of rig.c, us. */
const TICK_US = 10_000;

/**
 * What a parked process does in a window of time, with and without orphans. All peers run at once, so that the machine
 * affects all alike.
 */
export const idle: Measurement = {
  name: "idle",
  seconds: ({ windows: [seconds, times] }) => 2 * seconds * times,
  run: (task) => {
    const { peers, samples, plan } = task;
    const [seconds, times] = plan.windows;
    return all(peers, async (pids) => {
      await Bun.sleep(500);
      await watch(`idle, ${windowName(plan)}`, pids, task);

      const orphans = (seconds * times * 1e6) / TICK_US;
      const ticking = Promise.all(pids.map((pid) => tick(pid, orphans, TICK_US)));
      await watch(`orphans, ${windowName(plan)}`, pids, task);
      await ticking;
      // The last one may still be ending.
      await Bun.sleep(100);
      for (const [index, { name }] of peers.entries())
        add(samples, `orphans: zombies left of ${orphans}, count`, name, zombies(pids[index] ?? 0));
    });
  },
};

/** Runs `use` with one process of each peer parked. */
function all(peers: readonly Peer[], use: (pids: readonly number[]) => Promise<void>): Promise<void> {
  const [first, ...others] = peers;
  if (first === undefined) return use([]);
  return held(first, 1, [], ([pid = 0]) => all(others, (pids) => use([pid, ...pids])));
}

/** Samples what each process does in each window. */
async function watch(what: string, pids: readonly number[], { plan, peers, samples, done }: Task): Promise<void> {
  const [seconds, times] = plan.windows;
  for (let window = 0; window < times; window++) {
    const before = pids.map(look);
    for (let left = seconds; left > 0; left--) {
      await Bun.sleep(Math.min(left, 1) * 1000);
      done(Math.min(left, 1));
    }
    for (const [index, pid] of pids.entries()) {
      const [then, now, name] = [before[index], look(pid), peers[index]?.name];
      if (then === undefined || name === undefined) continue;
      add(samples, `${what}: CPU, ns`, name, now.cpu - then.cpu);
      add(samples, `${what}: switches, count`, name, now.switches - then.switches);
      add(samples, `${what}: page faults, count`, name, now.faults - then.faults);
      add(samples, `${what}: threads, count`, name, Number(status(pid, "Threads")));
    }
  }
}

const look = (pid: number) => ({ ...cost(pid), faults: readFaults(pid) });

/** How many children of a process wait to be reaped. */
export const zombies = (pid: number) => children(pid).filter((child) => status(child, "State").startsWith("Z")).length;
