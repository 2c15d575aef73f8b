import { amount } from "./format.ts";
import { REFERENCE } from "./peers.ts";
import type { Results } from "./results.ts";
import { type Figure, figure } from "./samples.ts";

/** A ratio to the C reference with its spread: the peer's tenth and ninetieth percentile over the reference's median. */
type Ratio = { readonly median: number; readonly low: number; readonly high: number };

/**
 * What moved from `old` to `now` by more than the spread of both: a line each, the worse first. Ratios to the C reference are
 * compared, so that a slower machine is not a slower program; where the reference is 0, the figures themselves.
 */
export function compare(old: Results, now: Results): string[] {
  const moved = Object.keys(now.samples).flatMap((metric) =>
    Object.keys(now.samples[metric] ?? {}).flatMap((peer) => {
      const [before, after] = [ratioOf(old, metric, peer), ratioOf(now, metric, peer)];
      if (before === undefined || after === undefined || (after.low <= before.high && after.high >= before.low)) return [];
      const factor = before.median === 0 ? Number.POSITIVE_INFINITY : after.median / before.median;
      const [then, since] = [old, now].map(({ samples }) => amount(figure(samples[metric]?.[peer] ?? []).median, metric));
      return [{ factor, line: `${factor > 1 ? "worse " : "better"} ${peer}: ${metric}: ${then} to ${since}, ${factor.toFixed(2)} times the ratio it was` }];
    }),
  );
  return moved.toSorted((a, b) => b.factor - a.factor).map(({ line }) => line);
}

function ratioOf({ samples }: Results, metric: string, peer: string): Ratio | undefined {
  const values = samples[metric]?.[peer] ?? [];
  const reference = figure(samples[metric]?.[REFERENCE] ?? []).median;
  if (values.length === 0 || Number.isNaN(reference)) return undefined;
  const { median, low, high }: Figure = figure(values);
  const by = reference === 0 || peer === REFERENCE ? 1 : reference;
  return { median: median / by, low: low / by, high: high / by };
}
