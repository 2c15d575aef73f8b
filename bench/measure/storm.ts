import type { Peer } from "../peers.ts";
import { rounds } from "../plan.ts";
import { storm } from "../rig.ts";
import { add } from "../samples.ts";
import { BARE, inTurn, type Measurement, sum, type Task } from "./measurement.ts";

/** How long a storm of `size` may take, in seconds of some machine. */
export const stormSeconds = (size: number) => 0.1 + size / 7000;

/** Orphans that end at the same moment, with PID 1 running and with PID 1 stopped. */
export const storms: Measurement = {
  name: "storm",
  seconds: ({ storms, stopped }, peers) =>
    sum(rounds(storms).map(stormSeconds)) * (peers.length + 1) + sum(rounds(stopped).map(stormSeconds)) * peers.length,
  run: async (task) => {
    for (const [round, size] of rounds(task.plan.storms).entries()) {
      for (const peer of inTurn(task.peers, round)) await reaped(size, peer, task);
      await bare(size, task);
    }
    for (const [round, size] of rounds(task.plan.stopped).entries())
      for (const peer of inTurn(task.peers, round)) await reapedLate(size, peer, task);
  },
};

async function reaped(size: number, peer: Peer, { samples, done }: Task): Promise<void> {
  const { wall, cpu, switches, most, left } = await storm(size, "plain", peer);
  if (left === 0) add(samples, `storm of ${size}: wall, ns`, peer.name, wall);
  add(samples, `storm of ${size}: CPU, ns`, peer.name, cpu);
  add(samples, `storm of ${size}: switches, count`, peer.name, switches);
  add(samples, `storm of ${size}: most zombies, count`, peer.name, most);
  add(samples, `storm of ${size}: left, count`, peer.name, left);
  done(stormSeconds(size));
}

async function bare(size: number, { samples, done }: Task): Promise<void> {
  const { wall } = await storm(size, "bare");
  add(samples, `storm of ${size}: wall, ns`, BARE, wall);
  done(stormSeconds(size));
}

async function reapedLate(size: number, peer: Peer, { samples, done }: Task): Promise<void> {
  const { wall, cpu, held, left } = await storm(size, "stopped", peer);
  add(samples, `stopped, storm of ${size}: zombies, count`, peer.name, held);
  if (left === 0) add(samples, `stopped, storm of ${size}: wall, ns`, peer.name, wall);
  add(samples, `stopped, storm of ${size}: CPU, ns`, peer.name, cpu);
  done(stormSeconds(size));
}
