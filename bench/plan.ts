/** How much is measured: counts, and seconds where said. The quick plan is the same in small. */
export type Plan = {
  readonly quick: boolean;
  readonly idleSeconds: number;
  readonly tickSeconds: number;
  /** Orphans let go at once, and how often. */
  readonly storms: readonly (readonly [size: number, times: number])[];
  readonly stopped: readonly (readonly [size: number, times: number])[];
  readonly leave: readonly [size: number, times: number];
  /** Rounds of starts, and starts of each peer in a round. */
  readonly startRounds: number;
  readonly startsARound: number;
  readonly crowds: readonly (readonly [size: number, times: number])[];
  readonly zstdLevel: number;
};

export const FULL: Plan = {
  quick: false,
  ...{ idleSeconds: 60, tickSeconds: 60 },
  storms: [
    [100, 15],
    [1000, 15],
    [10_000, 5],
    [30_000, 2],
  ],
  stopped: [
    [1000, 10],
    [10_000, 3],
  ],
  leave: [10_000, 5],
  ...{ startRounds: 20, startsARound: 10 },
  crowds: [
    [1, 9],
    [10, 5],
    [100, 3],
    [500, 2],
  ],
  zstdLevel: 19,
};

export const QUICK: Plan = {
  quick: true,
  ...{ idleSeconds: 5, tickSeconds: 5 },
  storms: [
    [100, 3],
    [1000, 3],
  ],
  stopped: [[1000, 2]],
  leave: [1000, 3],
  ...{ startRounds: 4, startsARound: 5 },
  crowds: [
    [1, 3],
    [50, 1],
  ],
  zstdLevel: 3,
};
