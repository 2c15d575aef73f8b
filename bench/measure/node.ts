import { cost } from "../../harness/proc.ts";
import { charge, cpuOfGroup, withNodeGroups } from "../cgroup.ts";
import type { Peer } from "../peers.ts";
import { held, orphansOfNode } from "../rig.ts";
import { add } from "../samples.ts";
import { zombies } from "./idle.ts";
import { inTurn, type Measurement, sum, type Task } from "./measurement.ts";

/** Each pod leaves an orphan every 100 ms: the interval of rig.c, us. */
const INTERVAL_US = 100_000;

const turnSeconds = (pods: number, seconds: number) => 1 + pods / 40 + seconds;

/**
 * A node's pods at once, each of which leaves an orphan every 100 ms: the memory and CPU of all pauses together, and
 * the CPU of everything in the pods' control group, including orphans and their makers. So it shows if something else
 * pays for what a pause saves.
 */
export const node: Measurement = {
  name: "node",
  seconds: ({ node: [pods, seconds, times] }, peers) => turnSeconds(pods, seconds) * times * peers.length,
  run: async (task) => {
    const [pods, seconds, times] = task.plan.node;
    for (let round = 0; round < times; round++) {
      for (const peer of inTurn(task.peers, round)) {
        await turn(peer, task);
        task.done(turnSeconds(pods, seconds));
      }
    }
  },
};

function turn(peer: Peer, { plan, samples }: Task): Promise<void> {
  const [pods, seconds] = plan.node;
  const what = `node of ${pods} pods, ${seconds} s`;
  return withNodeGroups((memory, cpu) =>
    held(peer, pods, [...new Set([memory, cpu])], async (pids) => {
      await Bun.sleep(200);
      add(samples, `${what}: memory charged for all pauses, bytes`, peer.name, charge(memory).total);
      const all = () => sum(pids.map((pid) => cost(pid).cpu));
      const [pauses, group] = [all(), cpuOfGroup(cpu)];
      await orphansOfNode(pids, (seconds * 1e6) / INTERVAL_US, INTERVAL_US, [cpu]);
      // The last ones may still be ending.
      await Bun.sleep(100);
      add(samples, `${what}: CPU of all pauses, ns`, peer.name, all() - pauses);
      add(samples, `${what}: CPU of the pods' group, ns`, peer.name, cpuOfGroup(cpu) - group);
      add(samples, `${what}: zombies left, count`, peer.name, sum(pids.map(zombies)));
    }),
  );
}
