/** Samples by metric and peer. A metric's name says its unit with its last word, as in "storm 1000 wall, ns". */
export type Samples = Record<string, Record<string, number[]>>;

export function add(samples: Samples, metric: string, peer: string, ...values: number[]): void {
  const peers = (samples[metric] ??= {});
  (peers[peer] ??= []).push(...values);
}

/** The value below which the fraction `of` of the sorted samples lies; NaN without samples. */
export function quantile(values: readonly number[], of: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(of * sorted.length))] ?? Number.NaN;
}

/** The median, and the spread: from the tenth to the ninetieth percentile. */
export type Figure = { readonly median: number; readonly low: number; readonly high: number; readonly count: number };

export function figure(values: readonly number[]): Figure {
  return { median: quantile(values, 0.5), low: quantile(values, 0.1), high: quantile(values, 0.9), count: values.length };
}
