import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compare } from "../../bench/compare.ts";
import { fleet } from "../../bench/fleet.ts";
import { amount, ratio } from "../../bench/format.ts";
import { inTurn } from "../../bench/measure/measurement.ts";
import { FLOOR, MUSL, REFERENCE } from "../../bench/peers.ts";
import { FULL, rounds } from "../../bench/plan.ts";
import { withHeadlines } from "../../bench/readme.ts";
import { report } from "../../bench/report.ts";
import { type Results, readResults } from "../../bench/results.ts";
import { apart, figure, ratios, type Samples } from "../../bench/samples.ts";
import { marked } from "../../harness/marks.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";

const ROOT = join(import.meta.dir, "..", "..");
const BENCH = join(ROOT, "bench");
const committed = readResults(join(BENCH, "results.json"));

const withSamples = (samples: Samples): Results => ({ ...committed, samples });

describe("the committed report", () => {
  test("it comes from a full run of all peers", () => {
    expect(committed.quick).toBe(false);
    expect(committed.missing).toEqual([]);
    expect(committed.peers.map(({ name }) => name)).toEqual([
      "pause",
      "pause-static",
      "pause-dynamic",
      REFERENCE,
      MUSL,
      FLOOR,
      "catatonit",
      "tini",
      "dumb-init",
      "sleep",
    ]);
  });

  test("REPORT.md and the pictures match results.json", () => {
    for (const [name, text] of Object.entries(report(committed)))
      expect(readFileSync(join(BENCH, name), "utf8"), name).toBe(text);
  });

  test("the README's table matches results.json", () => {
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    expect(readme).toBe(withHeadlines(readme, committed));
  });

  test("the table of docs/fleets.md matches results.json", () => {
    const page = readFileSync(join(ROOT, "docs/fleets.md"), "utf8");
    expect(marked(page, "fleet").trim()).toBe(fleet(committed));
  });

  test("pause used no CPU and never woke up, idle or reaping, and the method can show a program that did", () => {
    const { samples } = committed;
    const metrics = Object.keys(samples).filter(
      (metric) => /^(idle|orphans|storm of \d+)/.test(metric) && /: (CPU, ns|switches, count)$/.test(metric),
    );
    expect(metrics.length).toBe(2 + 2 + 4 * 2);
    for (const metric of metrics) {
      expect(
        samples[metric]?.pause?.every((value) => value === 0),
        metric,
      ).toBe(true);
      // tini checks from time to time; upstream's design waits for each orphan.
      expect(
        samples[metric]?.tini?.some((value) => value > 0),
        metric,
      ).toBe(true);
      if (!metric.startsWith("idle"))
        expect(
          samples[metric]?.[REFERENCE]?.some((value) => value > 0),
          metric,
        ).toBe(true);
    }
  });
});

describe("figures", () => {
  test("have a median and a spread, which is the whole range of a few samples", () => {
    expect(figure([5, 1, 4, 2, 3, 9, 8, 7, 6, 10])).toEqual({ median: 5.5, low: 1, high: 10 });
    expect(figure(Array.from({ length: 101 }, (_, index) => 100 - index))).toEqual({ median: 50, low: 10, high: 90 });
    expect(figure([7])).toEqual({ median: 7, low: 7, high: 7 });
    expect(figure([])).toEqual({ median: Number.NaN, low: Number.NaN, high: Number.NaN });
  });

  test("lie apart if their spreads do not touch", () => {
    const [low, high, both] = [figure([1, 2]), figure([3, 4]), figure([2, 3])];
    expect([apart(low, high), apart(high, low), apart(low, both), apart(both, high)]).toEqual([
      "below",
      "above",
      undefined,
      undefined,
    ]);
  });

  test("have ratios turn by turn, and none to 0", () => {
    expect(ratios([1, 20, 3], [2, 40, 2])).toEqual([0.5, 0.5, 1.5]);
    const hundred = Array.from({ length: 100 }, (_, turn) => turn + 1);
    expect(
      ratios(
        hundred,
        hundred.map((value) => value * 4),
      ),
    ).toEqual(Array.from({ length: 10 }, () => 0.25));
    expect([ratios([1], [0]), ratios([1, 2], [1]), ratios([], [])]).toEqual([undefined, undefined, undefined]);
  });

  test("are written as amounts and ratios in words", () => {
    expect([
      amount(0, "CPU, ns"),
      amount(1234, "CPU, ns"),
      amount(2_500_000, "wall, ns"),
      amount(258_048, "file, bytes"),
      amount(1234.4, "switches, count"),
    ]).toEqual([...["0 ns", "1.23 µs", "2.50 ms", "258 kB", "1,234"]]);
    expect([ratio(1, 2), ratio(0, 0), ratio(3, 0), ratio(1234, 1), ratio(Number.NaN, 1)]).toEqual([
      "0.50",
      "both 0",
      "C: 0",
      "1,234",
      "–",
    ]);
  });
});

describe("a plan", () => {
  test("measures every size as often as it says, with the peers in another order each round", () => {
    expect(
      rounds([
        [100, 2],
        [1000, 1],
      ]),
    ).toEqual([100, 100, 1000]);
    const peers = ["a", "b", "c"].map((name) => ({ name, command: [], parksIn: 0, env: {}, endsOnSigterm: true }));
    expect(
      [0, 1, 2, 3].map((round) =>
        inTurn(peers, round)
          .map(({ name }) => name)
          .join(""),
      ),
    ).toEqual(["abc", "bca", "cab", "abc"]);
  });

  test("measures at least what was promised, if it is a full one: a minute idle, 300 starts, 500 at once, storms of 30,000", () => {
    expect(FULL.windows[0] * FULL.windows[1]).toBeGreaterThanOrEqual(60);
    expect(FULL.starts[0] * FULL.starts[1]).toBeGreaterThanOrEqual(300);
    expect(FULL.crowds.map(([size]) => size)).toEqual([1, 10, 200, 500]);
    expect(FULL.storms.map(([size]) => size)).toEqual([100, 1000, 10_000, 30_000]);
  });
});

describe("comparing two runs", () => {
  const run = (pause: number[], reference: number[], metric = "exec to parked, ns") =>
    withSamples({ [metric]: { pause, [REFERENCE]: reference } });

  test("ignores a figure that stayed within the spread, even if all peers are equally slower", () => {
    const before = run([90, 100, 110], [200, 200, 200]);
    expect(compare(before, run([95, 105, 115], [200, 200, 200]))).toEqual([
      "2 figures compared, none moved by more than the spread",
    ]);
    expect(compare(before, run([180, 200, 220], [400, 400, 400]))).toEqual([
      "2 figures compared, none moved by more than the spread",
    ]);
    expect(compare(before, run([360, 400, 440], [800, 800, 800]))).toEqual([
      "worse  C, as upstream: exec to parked: 200 ns before, 800 ns now",
      "2 figures compared, 1 moved by more than the spread",
    ]);
    // The machine was slow for a while: the spread of the times covers the change, but that of the ratios does not.
    expect(compare(run([100, 100, 900], [200, 200, 1800]), run([150, 150, 1350], [200, 200, 1800]))[0]).toMatch(
      /^worse {2}pause/,
    );
  });

  test("reports a figure that moved by more, for better and for worse", () => {
    const before = run([90, 100, 110], [200, 200, 200]);
    expect(compare(before, run([140, 150, 160], [200, 200, 200]))[0]).toBe(
      "worse  pause: exec to parked: 0.50 of the reference (100 ns) before, 0.75 of the reference (150 ns) now",
    );
    expect(compare(before, run([40, 50, 60], [200, 200, 200]))[0]).toBe(
      "better pause: exec to parked: 0.50 of the reference (100 ns) before, 0.25 of the reference (50 ns) now",
    );
  });

  test("ignores a move of less than a twentieth, except in the size of a file", () => {
    expect(compare(run([100, 100], [200, 200]), run([104, 104], [200, 200]))).toEqual([
      "2 figures compared, none moved by more than the spread",
    ]);
    expect(compare(run([1000], [2000], "file, bytes"), run([1010], [2000], "file, bytes"))[0]).toMatch(
      /^worse {2}pause: file: /,
    );
  });

  test("reports a program that never woke up before and does now, however seldom", () => {
    const idle = (pause: number[]) => run(pause, [0, 0, 0, 0], "idle, 10 s: CPU, ns");
    expect(compare(idle([0, 0, 0, 0]), idle([0, 0, 4000, 0]))[0]).toBe(
      "worse  pause: idle, 10 s: CPU: 0 ns before, up to 4.00 µs now",
    );
    expect(compare(idle([0, 0, 0, 0]), idle([0, 0, 0, 0]))).toEqual([
      "2 figures compared, none moved by more than the spread",
    ]);
  });
});

describe("the report", () => {
  const { "REPORT.md": text = "" } = report(
    withSamples({
      "storm of 100: wall, ns": {
        pause: [100, 110, 120],
        [REFERENCE]: [200, 210, 220],
        tini: [1000],
        "no PID 1": [90],
      },
      "storm of 1000: wall, ns": { pause: [1000], [REFERENCE]: [1000], tini: [100_000], "no PID 1": [900] },
      "storm of 1000: CPU, ns": { pause: [0], [REFERENCE]: [0], tini: [7000], sleep: [0] },
    }),
  );

  test("gives the ratio first, then the figure and its spread, and says how a growing figure grows", () => {
    expect(text).toContain("| pause | **0.52** 110 ns (100 ns to 120 ns) | **1.00** 1.00 µs | 0.96 |");
    expect(text).toContain("| tini | **4.76** 1.00 µs | **100** 100 µs | 2.00 |");
    expect(text).toContain("| no PID 1 | **0.43** 90 ns | **0.90** 900 ns | 1.00 |");
    expect(text).toContain("| sleep | never | never | – |");
  });

  test("says where pause won and where it did not", () => {
    expect(text).toContain(
      "**`pause` against C, as upstream, in 3 figures**: lower in storm of 100: wall (0.52); both at 0 throughout in 1; no difference beyond the spread in 1.",
    );
  });
});

describe("the command refuses in one line, and exits with 1", () => {
  const run = (args: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, join(BENCH, "cli.ts"), ...args]);
    return { exitCode, stderr: stderr.toString() };
  };

  const refusals: readonly (readonly [string[], string | RegExp])[] = [
    [
      ["--only", "nothing"],
      'bench: unknown measurement "nothing"; name one of idle, storm, start, instructions, memory, size, latency, node\n',
    ],
    [["--quick", "--peers", "nobody"], /^bench: unknown peer "nobody"; name one of pause, .*sleep\n$/],
    [
      ["--compare", "/nowhere.json"],
      /^bench: \/nowhere\.json: cannot read results from it \(.*\); give the results\.json of an earlier run\n$/,
    ],
    [["--fast"], /^bench: .*--fast.*; see bun run bench --help\n$/],
  ];
  for (const [args, message] of refusals) {
    testNeeding(NEEDS.root)(JSON.stringify(args), () => {
      const { exitCode, stderr } = run(args);
      expect(stderr).toMatch(message);
      expect(exitCode).toBe(1);
    });
  }
});
