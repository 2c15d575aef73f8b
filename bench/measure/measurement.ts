import { Bench } from "tinybench";
import type { Peer } from "../peers.ts";
import type { Plan } from "../plan.ts";
import { add, type Samples } from "../samples.ts";

/** The task of a measurement: measure these peers by the plan, and put the results into the samples. */
export type Task = {
  readonly plan: Plan;
  readonly peers: readonly Peer[];
  readonly samples: Samples;
  /** Reports each finished piece of work, in the seconds that `seconds` counted for it. */
  readonly done: (seconds: number) => void;
};

/**
 * One measurement: its name for --only, and how long it may take, in seconds of some machine: only their shares matter.
 */
export type Measurement = {
  readonly name: string;
  readonly seconds: (plan: Plan, peers: readonly Peer[]) => number;
  readonly run: (task: Task) => Promise<void>;
};

/** The name of the run without a program, which shows the cost of the orphans alone. */
export const BARE = "no PID 1";

/** The names to show for a metric: all peers, plus the run without a program if the metric has it. */
export const measured = (
  peers: readonly { readonly name: string }[],
  samples: Readonly<Record<string, readonly number[]>>,
) => [...peers.map(({ name }) => name), ...(samples[BARE] === undefined ? [] : [BARE])];

export const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Changes the order of the peers each round, so that none is always first or always after the same one. */
export const inTurn = (peers: readonly Peer[], round: number) => [
  ...peers.slice(round % peers.length),
  ...peers.slice(0, round % peers.length),
];

export const endsOnSigterm = (peers: readonly Peer[]) => peers.filter((peer) => peer.endsOnSigterm);

/**
 * Has tinybench run `each` for every peer `times` times, one peer after the other. `ns` says how long each run took.
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
