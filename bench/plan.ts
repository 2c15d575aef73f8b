/** Sizes, and how often each is measured. */
export type Series = readonly (readonly [size: number, times: number])[];

/** How much is measured: counts, and seconds where said. The quick plan is the same in small. */
export type Plan = {
  readonly quick: boolean;
  /** Windows of idleness, and as many with orphans ending. */
  readonly windows: readonly [seconds: number, times: number];
  /** Orphans let go at once. */
  readonly storms: Series;
  readonly stopped: Series;
  readonly leave: Series;
  /** Rounds of starts, and starts of each peer in a round. */
  readonly starts: readonly [rounds: number, each: number];
  /** How many run at once. */
  readonly crowds: Series;
  /** The pods of a node, the seconds for which they leave orphans, and how often. */
  readonly node: readonly [pods: number, seconds: number, times: number];
  /** What is larger is not compressed, bytes. */
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

/** Five samples where they scatter: that two runs of five lie apart by chance is less than one in a hundred. */
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

/** All of a series in the order it is measured in: every size, and each as often as it says. */
export const rounds = (series: Series): number[] =>
  series.flatMap(([size, times]) => Array.from({ length: times }, () => size));

/** Two plans measured one thing alike where its name is the same: so the name says the window, too. */
export const windowName = ({ windows: [seconds] }: Plan) => `${seconds} s`;
