import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compare } from "../../bench/compare.ts";
import { amount, ratio } from "../../bench/format.ts";
import { withHeadlines } from "../../bench/readme.ts";
import { report } from "../../bench/report.ts";
import { readResults, type Results } from "../../bench/results.ts";
import { figure, quantile, type Samples } from "../../bench/samples.ts";

const ROOT = join(import.meta.dir, "..", "..");
const BENCH = join(ROOT, "bench");
const committed = readResults(join(BENCH, "results.json"));

const withSamples = (samples: Samples): Results => ({ ...committed, samples });

describe("the committed report", () => {
  test("it comes from a full run of all peers", () => {
    expect(committed.quick).toBe(false);
    expect(committed.missing).toEqual([]);
    expect(committed.peers.map(({ name }) => name)).toEqual(["pause", "pause-static", "pause-dynamic", "C reference", "catatonit", "tini", "dumb-init", "sleep"]);
  });

  test("REPORT.md and the pictures are what results.json gives", () => {
    for (const [name, text] of Object.entries(report(committed))) expect(readFileSync(join(BENCH, name), "utf8"), name).toBe(text);
  });

  test("the README's table is what results.json gives", () => {
    const readme = readFileSync(join(ROOT, "README.md"), "utf8");
    expect(readme).toBe(withHeadlines(readme, committed));
  });

  test("pause used no CPU and was not woken, idle or reaping, and the method can show otherwise", () => {
    const { samples } = committed;
    const metrics = Object.keys(samples).filter((metric) => /^(idle|orphans|storm of \d+)/.test(metric) && /(CPU, ns|switches, count)$/.test(metric));
    expect(metrics.length).toBe(2 + 2 + 4 * 2);
    for (const metric of metrics) {
      expect(samples[metric]?.pause?.every((value) => value === 0), metric).toBe(true);
      expect(samples[metric]?.tini?.some((value) => value > 0), metric).toBe(true);
    }
  });
});

describe("figures", () => {
  test("median and spread", () => {
    expect(figure([5, 1, 4, 2, 3, 9, 8, 7, 6, 10])).toEqual({ median: 6, low: 2, high: 10, count: 10 });
    expect(quantile([], 0.5)).toBeNaN();
  });

  test("amounts and ratios in words", () => {
    expect([amount(0, "CPU, ns"), amount(1234, "CPU, ns"), amount(2_500_000, "wall, ns"), amount(258_048, "file, bytes"), amount(1234.4, "switches, count")]).toEqual([
      ...["0 ns", "1.23 µs", "2.50 ms", "258 kB", "1,234"],
    ]);
    expect([ratio(1, 2), ratio(0, 0), ratio(3, 0), ratio(1234, 1), ratio(Number.NaN, 1)]).toEqual(["0.50", "both 0", "C: 0", "1,234", "–"]);
  });
});

describe("comparing two runs", () => {
  const run = (pause: number[], reference: number[]) => withSamples({ "exec to parked, ns": { pause, "C reference": reference } });

  test("what stays within the spread did not move, also where all is slower alike", () => {
    expect(compare(run([90, 100, 110], [200, 200, 200]), run([95, 105, 115], [200, 200, 200]))).toEqual([]);
    expect(compare(run([90, 100, 110], [200, 200, 200]), run([180, 200, 220], [400, 400, 400]))).toEqual(["worse  C reference: exec to parked, ns: 200 ns to 400 ns, 2.00 times the ratio it was"]);
  });

  test("what moved by more is said, for better and for worse", () => {
    expect(compare(run([90, 100, 110], [200]), run([140, 150, 160], [200]))).toEqual(["worse  pause: exec to parked, ns: 100 ns to 150 ns, 1.50 times the ratio it was"]);
    expect(compare(run([90, 100, 110], [200]), run([40, 50, 60], [200]))).toEqual(["better pause: exec to parked, ns: 100 ns to 50 ns, 0.50 times the ratio it was"]);
  });
});

describe("the command's refusals: one line, and 1", () => {
  const run = (args: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync([process.execPath, join(BENCH, "cli.ts"), ...args]);
    return { exitCode, stderr: stderr.toString() };
  };

  test.each([
    [["--only", "nothing"], "bench: no measurement is called nothing; there are idle, storm, start, memory, size, latency\n"],
    [["--quick", "--peers", "nobody"], /^bench: no peer is called nobody; there are pause, .*sleep\n$/],
    [["--compare", "/nowhere.json"], /^bench: \/nowhere\.json: no results can be read from it \(.*\); give the results\.json of an earlier run\n$/],
    [["--fast"], /^bench: .*--fast.*; see bun run bench --help\n$/],
  ])("%p", (args, message) => {
    const { exitCode, stderr } = run(args);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(1);
  });
});
