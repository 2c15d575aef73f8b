import { children, kilobytes, rollup } from "../../harness/proc.ts";
import { charge, withGroup } from "../cgroup.ts";
import { rounds } from "../plan.ts";
import { held } from "../rig.ts";
import { add } from "../samples.ts";
import { inTurn, type Measurement, sum } from "./measurement.ts";

const crowdSeconds = (size: number) => 0.2 + size / 40;

/** The memory of one process, and the charge to a memory control group for each of many. */
export const memory: Measurement = {
  name: "memory",
  seconds: ({ crowds }, peers) => sum(rounds(crowds).map(crowdSeconds)) * peers.length,
  run: async ({ plan, peers, samples, done }) => {
    // The kernel charges the page cache to the group that first read a file, so read all files before charging
    // anything.
    for (const peer of peers) await held(peer, 1, [], () => Promise.resolve());
    for (const [round, size] of rounds(plan.crowds).entries()) {
      for (const peer of inTurn(peers, round)) {
        await withGroup("memory", (group) =>
          held(peer, size, [group], async (pids) => {
            await Bun.sleep(50);
            const { total, kernel } = charge(group);
            add(samples, `charge of each of ${size}, bytes`, peer.name, total / size);
            if (!Number.isNaN(kernel))
              add(samples, `charge of each of ${size}, of it kernel, bytes`, peer.name, kernel / size);
            if (size === 1) for (const [what, value] of memoryOf(pids[0] ?? 0)) add(samples, what, peer.name, value);
          }),
        );
        done(crowdSeconds(size));
      }
    }
  },
};

/** The memory of PID 1 and its own children, because a user pays for all of it: bytes. */
function memoryOf(pid: number): [string, number][] {
  const tree = [pid, ...children(pid)];
  const total = (of: (member: number) => number) => sum(tree.map(of)) * 1024;
  const counted = (field: string) => (member: number) => rollup(member, field);
  return [
    ["RSS, bytes", total(counted("Rss"))],
    ["PSS, bytes", total(counted("Pss"))],
    ["anonymous, bytes", total(counted("Anonymous"))],
    ["page tables, bytes", total((member) => kilobytes(member, "VmPTE"))],
  ];
}
