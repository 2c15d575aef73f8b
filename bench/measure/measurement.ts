import { Bench } from "tinybench";
import type { Peer } from "../peers.ts";
import type { Plan } from "../plan.ts";
import { add, type Samples } from "../samples.ts";

/** What is measured: a plan's worth of it, of these peers, into the samples. */
export type Task = {
  readonly plan: Plan;
  readonly peers: readonly Peer[];
  readonly samples: Samples;
  /** Is told of each piece of work done, in the seconds that `seconds` counted for it. */
  readonly done: (seconds: number) => void;
};

/**
 * One measurement: what it is called with --only, and how long it may take, in seconds of some machine: only shares
 * matter.
 */
export type Measurement = {
  readonly name: string;
  readonly seconds: (plan: Plan, peers: readonly Peer[]) => number;
  readonly run: (task: Task) => Promise<void>;
};

/** The name of the run without any program, which shows what the orphans themselves cost. */
export const BARE = "no PID 1";

/** The names to show for a metric: all peers, and the run without any where the metric has it. */
export const measured = (
  peers: readonly { readonly name: string }[],
  samples: Readonly<Record<string, readonly number[]>>,
) => [...peers.map(({ name }) => name), ...(samples[BARE] === undefined ? [] : [BARE])];

export const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** The peers in another order each round, so that none is always first, or always after the same. */
export const inTurn = (peers: readonly Peer[], round: number) => [
  ...peers.slice(round % peers.length),
  ...peers.slice(0, round % peers.length),
];

export const endsOnSigterm = (peers: readonly Peer[]) => peers.filter((peer) => peer.endsOnSigterm);

/**
 * Has tinybench run `each` of every peer `times` times, one peer after the other; the time of each run is what `ns`
 * says.
 */
export async function timed(
  peers: readonly Peer[],
  times: number,
  metric: string,
  samples: Samples,
  ns: (peer: Peer) => Promise<number>,
): Promise<void> {
  const bench = new Bench({ iterations: times, time: 0, warmup: false, retainSamples: true, throws: true });
  for (const peer of peers) bench.add(peer.name, async () => ({ overriddenDuration: (await ns(peer)) / 1e6 }));
  await bench.run();
  for (const { name, result } of bench.tasks) {
    if (!("latency" in result)) throw new Error(`${name} has no samples`);
    add(samples, metric, name, ...(result.latency.samples ?? []).map((ms) => Math.round(ms * 1e6)));
  }
}
