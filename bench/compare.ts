import { amount, ratio } from "./format.ts";
import { REFERENCE } from "./peers.ts";
import type { Results } from "./results.ts";
import { apart, type Figure, figure, ratios } from "./samples.ts";

/** One peer's figure in both runs: the spreads to hold against each other, and the medians in words. */
type Pair = { readonly metric: string; readonly peer: string; readonly spreads: readonly [Figure, Figure]; readonly words: readonly [string, string] };

/**
 * What moved from `old` to `now` by more than the spread of both: a line each, the worst first, and how many were compared.
 * Ratios to the C reference are compared, turn by turn, so that a slower machine is not a slower program; the reference
 * itself, and what is held against 0, by the figures.
 */
export function compare(old: Results, now: Results): string[] {
  const pairs = Object.keys(now.samples).flatMap((metric) => Object.keys(now.samples[metric] ?? {}).flatMap((peer) => pairOf(old, now, metric, peer) ?? []));
  const moved = pairs
    .map((pair) => ({ ...pair, way: apart(pair.spreads[1], pair.spreads[0]), factor: pair.spreads[1].median / pair.spreads[0].median }))
    .filter(({ way }) => way !== undefined)
    .toSorted((a, b) => b.factor - a.factor);
  const lines = moved.map(({ way, metric, peer, words: [then, since] }) => `${way === "above" ? "worse " : "better"} ${peer}: ${metric.replace(/, \w+$/, "")}: ${then} before, ${since} now`);
  return [...lines, `${pairs.length} figures compared, ${moved.length === 0 ? "none" : moved.length} moved by more than the spread`];
}

function pairOf(old: Results, now: Results, metric: string, peer: string): Pair | undefined {
  const [before, after] = [runOf(old, metric, peer), runOf(now, metric, peer)];
  if (before.values.length === 0 || after.values.length === 0) return undefined;
  if (before.ratios === undefined || after.ratios === undefined) {
    const [then, since] = [figure(before.values), figure(after.values)];
    return { metric, peer, spreads: [then, since], words: [amount(then.median, metric), amount(since.median, metric)] };
  }
  return { metric, peer, spreads: [figure(before.ratios), figure(after.ratios)], words: [before.words, after.words] };
}

function runOf({ samples }: Results, metric: string, peer: string) {
  const [values, reference] = [samples[metric]?.[peer] ?? [], samples[metric]?.[REFERENCE] ?? []];
  const [ours, theirs] = [figure(values).median, figure(reference).median];
  return { values, ratios: peer === REFERENCE ? undefined : ratios(values, reference), words: `${ratio(ours, theirs)} of the reference (${amount(ours, metric)})` };
}
