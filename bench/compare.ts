import { amount, ratio } from "./format.ts";
import { REFERENCE } from "./peers.ts";
import type { Results } from "./results.ts";
import { apart, type Figure, figure } from "./samples.ts";

/** One peer's figure in both runs, over the reference's median of its run, and in words. */
type Pair = { readonly metric: string; readonly peer: string; readonly ratios: readonly [Figure, Figure]; readonly words: readonly [string, string] };

/**
 * What moved from `old` to `now` by more than the spread of both: a line each, the worst first, and how many were compared.
 * Ratios to the C reference are compared, so that a slower machine is not a slower program; the reference itself, and what
 * is held against 0, by the figures.
 */
export function compare(old: Results, now: Results): string[] {
  const pairs = Object.keys(now.samples).flatMap((metric) => Object.keys(now.samples[metric] ?? {}).flatMap((peer) => pairOf(old, now, metric, peer) ?? []));
  const moved = pairs
    .map((pair) => ({ ...pair, way: apart(pair.ratios[1], pair.ratios[0]), factor: pair.ratios[1].median / pair.ratios[0].median }))
    .filter(({ way }) => way !== undefined)
    .toSorted((a, b) => b.factor - a.factor);
  const lines = moved.map(({ way, metric, peer, words: [then, since] }) => `${way === "above" ? "worse " : "better"} ${peer}: ${metric.replace(/, \w+$/, "")}: ${then} before, ${since} now`);
  return [...lines, `${pairs.length} figures compared, ${moved.length === 0 ? "none" : moved.length} moved by more than the spread`];
}

function pairOf(old: Results, now: Results, metric: string, peer: string): Pair | undefined {
  const runs = [old, now].map(({ samples }) => ({ values: samples[metric]?.[peer] ?? [], reference: figure(samples[metric]?.[REFERENCE] ?? []).median }));
  const [before, after] = runs;
  if (before === undefined || after === undefined || before.values.length === 0 || after.values.length === 0) return undefined;
  const figures = [figure(before.values), figure(after.values)] as const;
  const plain = peer === REFERENCE || runs.some(({ reference }) => !(reference > 0));
  if (plain) return { metric, peer, ratios: figures, words: [amount(figures[0].median, metric), amount(figures[1].median, metric)] };
  const words = [inWords(figures[0], before.reference, metric), inWords(figures[1], after.reference, metric)] as const;
  return { metric, peer, ratios: [over(figures[0], before.reference), over(figures[1], after.reference)], words };
}

const over = ({ median, low, high }: Figure, by: number): Figure => ({ median: median / by, low: low / by, high: high / by });

const inWords = ({ median }: Figure, reference: number, metric: string) => `${ratio(median, reference)} of the reference (${amount(median, metric)})`;
