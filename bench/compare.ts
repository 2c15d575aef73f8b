import { amount, ratio, withoutUnit } from "./format.ts";
import { REFERENCE } from "./peers.ts";
import type { Results } from "./results.ts";
import { apart, type Figure, figure, ratios } from "./samples.ts";

/** One peer's figure in both runs: the spreads to compare, and the medians in words. */
type Pair = {
  readonly metric: string;
  readonly peer: string;
  readonly spreads: readonly [Figure, Figure];
  /** It was 0 in every sample, is not any more, and measures whether a program runs at all. */
  readonly awoken: boolean;
  /** The factor by which it varies although nothing has changed. */
  readonly slack: number;
  readonly words: readonly [string, string];
};

/** The factor by which a figure varies from run to run, however little it scatters within each. */
function slackOf(metric: string, hasRatio: boolean): number {
  // A file does not vary.
  if (/^(file|gzip|zstd|pages mapped|segments)/.test(metric)) return 1;
  // Without a ratio, the figure includes the machine's speed.
  if (!hasRatio) return 3;
  // PSS is shared with other processes; RSS varied by up to a twentieth between runs without scattering within them.
  return metric.startsWith("PSS") ? 1.2 : 1.05;
}

/**
 * Lists the figures that moved from `old` to `now` by more than the spread of either run, with spreads that do not
 * overlap: a line each, worst first, and the number of comparisons. Compares ratios to the reference, so that a slower
 * machine does not look like a slower program; compares the reference itself, and anything relative to 0, by the
 * figures.
 */
export function compare(old: Results, now: Results): string[] {
  const pairs = Object.keys(now.samples).flatMap((metric) =>
    Object.keys(now.samples[metric] ?? {}).flatMap((peer) => pairOf(old, now, metric, peer) ?? []),
  );
  const moved = pairs
    .map((pair) => ({
      ...pair,
      way: wayOf(pair),
      factor: pair.spreads[0].median === 0 ? Number.POSITIVE_INFINITY : pair.spreads[1].median / pair.spreads[0].median,
    }))
    .filter(({ way }) => way !== undefined)
    .toSorted((a, b) => b.factor - a.factor);
  const lines = moved.map(
    ({ way, metric, peer, words: [then, since] }) =>
      `${way === "above" ? "worse " : "better"} ${peer}: ${withoutUnit(metric)}: ${then} before, ${since} now`,
  );
  return [
    ...lines,
    `${pairs.length} figures compared, ${moved.length === 0 ? "none" : moved.length} moved by more than the spread`,
  ];
}

function wayOf({ spreads: [then, since], awoken, slack }: Pair): "above" | "below" | undefined {
  if (awoken) return "above";
  const wider = Math.max(then.high - then.low, since.high - since.low);
  const [less, more] = [then.median, since.median].toSorted((a, b) => a - b);
  const beyond = less !== undefined && more !== undefined && more - less > wider && more > less * slack;
  return beyond ? apart(since, then) : undefined;
}

function pairOf(old: Results, now: Results, metric: string, peer: string): Pair | undefined {
  const [before, after] = [runOf(old, metric, peer), runOf(now, metric, peer)];
  if (before.values.length === 0 || after.values.length === 0) return undefined;
  if (before.ratios !== undefined && after.ratios !== undefined) {
    return {
      metric,
      peer,
      spreads: [figure(before.ratios), figure(after.ratios)],
      awoken: false,
      slack: slackOf(metric, true),
      words: [before.words, after.words],
    };
  }
  const spreads = [figure(before.values), figure(after.values)] as const;
  const most = Math.max(...after.values);
  const awoken = /: (CPU, ns|switches, count)$/.test(metric) && before.values.every((value) => value === 0) && most > 0;
  const words = [
    amount(spreads[0].median, metric),
    awoken ? `up to ${amount(most, metric)}` : amount(spreads[1].median, metric),
  ] as const;
  return { metric, peer, spreads, awoken, slack: slackOf(metric, false), words };
}

function runOf({ samples }: Results, metric: string, peer: string) {
  const [values, reference] = [samples[metric]?.[peer] ?? [], samples[metric]?.[REFERENCE] ?? []];
  const [ours, theirs] = [figure(values).median, figure(reference).median];
  return {
    values,
    ratios: peer === REFERENCE ? undefined : ratios(values, reference),
    words: `${ratio(ours, theirs)} of the reference (${amount(ours, metric)})`,
  };
}
