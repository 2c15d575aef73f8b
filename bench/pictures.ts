import { measured } from "./measure/measurement.ts";
import type { Results } from "./results.ts";
import { figure } from "./samples.ts";
import { summary } from "./summary.ts";
import { bars, type Chart, lines } from "./svg.ts";

/** The picture that says most. */
export const SUMMARY = "summary.svg";

/** The pictures of the results, by file name. */
export function pictures(results: Results): Record<string, string> {
  const drawn = {
    [SUMMARY]: summary(results),
    "idle-cpu.svg": bar(results, /^idle, .*: CPU/, (metric) => `CPU of PID 1, idle, in ${/, (.*):/.exec(metric)?.[1]}`),
    "orphans-cpu.svg": bar(
      results,
      /^orphans, .*: CPU/,
      (metric) => `CPU of PID 1 in ${/, (.*):/.exec(metric)?.[1]}, while an orphan ends every 10 ms`,
    ),
    "reaping-time.svg": curve(
      results,
      "Until the last of a storm of orphans is gone, by the size of the storm",
      /^storm of (\d+): wall/,
    ),
    "reaping-cpu.svg": curve(results, "CPU of PID 1 for a storm of orphans, by its size", /^storm of (\d+): CPU/),
    "start.svg": bar(results, /^exec to parked/, () => "Exec to parked"),
    "memory.svg": curve(
      results,
      "Memory charged for each pod, by the number of pods",
      /^charge of each of (\d+), bytes/,
    ),
    "node-cpu.svg": bar(
      results,
      /^node of .*: CPU of all pauses/,
      (metric) =>
        `CPU of all pauses of a ${metric.split(":")[0]?.replace(", ", " in ")}, an orphan every 100 ms in each`,
    ),
    "size.svg": bar(results, /^file/, () => "Size of the file"),
  };
  return Object.fromEntries(
    Object.entries(drawn).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
  );
}

const median = ({ samples }: Results, metric: string, name: string) => figure(samples[metric]?.[name] ?? []).median;

function bar(results: Results, pattern: RegExp, title: (metric: string) => string): string | undefined {
  const metric = Object.keys(results.samples).find((name) => pattern.test(name));
  if (metric === undefined) return undefined;
  return bars({
    title: title(metric),
    metric,
    xs: [],
    series: results.peers.map(({ name }) => ({ name, values: [median(results, metric, name)] })),
  });
}

/** `pattern` finds the metrics of one curve, and the x value in each. */
function curve(results: Results, title: string, pattern: RegExp): string | undefined {
  const metrics = Object.keys(results.samples).filter((metric) => pattern.test(metric));
  const [first] = metrics;
  if (first === undefined) return undefined;
  const names = measured(results.peers, results.samples[first] ?? {});
  const chart: Chart = {
    ...{ title, metric: first, xs: metrics.map((metric) => Number(pattern.exec(metric)?.[1])) },
    series: names.map((name) => ({ name, values: metrics.map((metric) => median(results, metric, name)) })),
  };
  return lines(chart);
}
