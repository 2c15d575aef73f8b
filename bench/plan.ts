/** Sizes, and how often to measure each. */
export type Series = readonly (readonly [size: number, times: number])[];

/** How much to measure: counts, and seconds where noted. The quick plan is the same on a small scale. */
export type Plan = {
  readonly quick: boolean;
  /** Windows of idleness, and as many with orphans ending. */
  readonly windows: readonly [seconds: number, times: number];
  /** Orphans released at once. */
  readonly storms: Series;
  readonly stopped: Series;
  readonly leave: Series;
  /** Rounds of starts, and how often each peer starts in a round. */
  readonly starts: readonly [rounds: number, each: number];
  /** How many run at once. */
  readonly crowds: Series;
  /** The pods of a node, for how many seconds they leave orphans, and how often. */
  readonly node: readonly [pods: number, seconds: number, times: number];
  /** Larger files are not compressed, bytes. */
  readonly compressible: number;
};

export const FULL: Plan = {
  quick: false,
  windows: [10, 6],
  storms: [
    [100, 9],
    [1000, 9],
    [10_000, 5],
    [30_000, 3],
  ],
  stopped: [
    [1000, 9],
    [10_000, 5],
  ],
  leave: [[10_000, 9]],
  starts: [20, 16],
  crowds: [
    [1, 9],
    [10, 7],
    [200, 3],
    [500, 1],
  ],
  node: [250, 5, 3],
  compressible: Number.POSITIVE_INFINITY,
};

/** Five samples if they scatter: two runs of five lie apart by chance less than once in a hundred times. */
export const QUICK: Plan = {
  quick: true,
  windows: [0.5, 7],
  storms: [
    [100, 5],
    [1000, 5],
  ],
  stopped: [[100, 5]],
  leave: [[300, 5]],
  starts: [4, 5],
  crowds: [
    [1, 5],
    [10, 5],
  ],
  node: [10, 0.3, 3],
  compressible: 10_000_000,
};

/** All measurements of a series in order: every size, as often as the series says. */
export const rounds = (series: Series): number[] =>
  series.flatMap(([size, times]) => Array.from({ length: times }, () => size));

/** The name contains the window, so that equal names mean equal measurements under any plan. */
export const windowName = ({ windows: [seconds] }: Plan) => `${seconds} s`;
