/** Samples by metric and peer. The last word of a metric's name is its unit, as in "storm of 1000: wall, ns". */
export type Samples = Record<string, Record<string, number[]>>;

export function add(samples: Samples, metric: string, peer: string, ...values: number[]): void {
  const peers = samples[metric] ?? {};
  samples[metric] = peers;
  peers[peer] = [...(peers[peer] ?? []), ...values];
}

/** The median, and the spread: tenth to ninetieth percentile, or all of ten samples or fewer. NaN without samples. */
export type Figure = { readonly median: number; readonly low: number; readonly high: number };

export function figure(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (place: number) => sorted[place] ?? Number.NaN;
  const last = sorted.length - 1;
  return {
    median: (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2,
    low: at(Math.floor(last * 0.1)),
    high: at(Math.ceil(last * 0.9)),
  };
}

/** How many parts of a run are compared; with fewer turns, each turn is a part. */
const PARTS = 10;

/**
 * The ratio to the reference just before or after: a ratio of the medians for each part of the run, free of what the
 * machine did to both. Undefined if the reference had other turns, or there is a 0 to divide by.
 */
export function ratios(values: readonly number[], reference: readonly number[]): number[] | undefined {
  if (values.length === 0 || values.length !== reference.length) return undefined;
  const parts = Math.min(values.length, PARTS);
  const start = (part: number) => Math.floor((part * values.length) / parts);
  const median = (all: readonly number[], part: number) => figure(all.slice(start(part), start(part + 1))).median;
  const each = Array.from({ length: parts }, (_, part) => [median(values, part), median(reference, part)] as const);
  return each.every(([, theirs]) => theirs > 0) ? each.map(([ours, theirs]) => ours / theirs) : undefined;
}

/** Do the spreads of two figures not overlap? Then returns on which side of the second the first lies. */
export function apart(one: Figure, other: Figure): "below" | "above" | undefined {
  if (one.high < other.low) return "below";
  return one.low > other.high ? "above" : undefined;
}
