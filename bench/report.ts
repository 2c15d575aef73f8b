import { amount, ratio } from "./format.ts";
import { BARE } from "./measure.ts";
import { REFERENCE } from "./peers.ts";
import type { Results } from "./results.ts";
import { figure, quantile } from "./samples.ts";
import { bars, type Chart, lines, type Series } from "./svg.ts";

/** The report as files: REPORT.md, and the pictures it shows. */
export function report(results: Results): Record<string, string> {
  const pictures = draw(results);
  const picture = (name: string) => (pictures[name] === undefined ? [] : [`![${name.replace(/-|\.svg/g, " ").trim()}](${name})`, ""]);
  const text = [
    `# ${results.quick ? "A quick run: few samples, short windows" : "Benchmark report"}`,
    "",
    ...preface(results),
    ...section(results, "Idle", /^idle: /, "What a parked process costs the node while nothing happens. Less is better; 0 is possible, and a program that polls is not 0."),
    ...picture("idle-cpu.svg"),
    ...section(results, "Idle, with an orphan every 10 ms", /^orphans/, "The same, while an orphan ends every 10 ms. A program that ignores SIGCHLD has the kernel discard them and does not run at all; `sleep` leaves each as a zombie."),
    ...section(
      results,
      "Mass reaping",
      /^(storm|stopped)/,
      "Orphans that end at one moment: until the last is gone from the process table, and what PID 1 had to do for it. Most of the wall time is the kernel's, as the run without any PID 1 shows; what is ended and not reaped yet is counted as a zombie, those on their way out too. `stopped`: PID 1 was stopped until all had ended.",
    ),
    ...picture("reaping-time.svg"),
    ...picture("reaping-cpu.svg"),
    ...section(results, "Start and end", /^(exec to parked|SIGTERM to exit, ns)/, "From fork to the system call it parks in, seen by asking /proc/PID/syscall in a loop; and from SIGTERM until its parent has its status, 2 ms later. `pause` starts faster than the C program and leaves slower: its pages are first touched then."),
    ...picture("start.svg"),
    ...section(results, "Memory", /^(RSS|PSS|anonymous|page tables|charge)/, "Of one, with what it started itself (`tini` and `dumb-init` need a `sleep` beside them); and what a memory control group is charged for each of many, with every file in the page cache already, on the account of nobody here."),
    ...picture("memory.svg"),
    ...section(results, "Size", /^(file|gzip|zstd|pages mapped|segments)/, "The file alone: `catatonit`, `tini` and `pause` are static; `dumb-init`, `sleep` and `pause-dynamic` need a C library (and more) beside them, which is not counted."),
    ...picture("size.svg"),
    ...section(results, "Latency under load", /^SIGTERM to exit in/, "SIGTERM a millisecond after a storm was let go. The end of PID 1 ends its whole namespace, and the kernel waits for all of it."),
  ];
  return { "REPORT.md": `${text.join("\n").trimEnd()}\n`, ...pictures };
}

function preface({ taken, seconds, machine, version, commit, bun, peers, missing }: Results): string[] {
  return [
    `Taken on ${taken} in ${Math.round(seconds)} s by \`bun run bench\`, pause ${version} (commit ${commit.slice(0, 12)}), Bun ${bun}, on ${machine.cores} cores (${machine.cpu}), ` +
      `${amount(machine.memoryBytes, "bytes")} of memory, Linux ${machine.kernel}, cgroup ${machine.cgroup}. The machine is virtual and shared: look at the ratios and the spread.`,
    "",
    "Each peer is PID 1 of a PID namespace of its own, all take turns, so that drift hits all alike. In each cell: the ratio to the C reference " +
      "(`gcc -Os -static`, stripped; it ignores SIGCHLD and waits for signals as `pause` does), then the median, and from the tenth to the ninetieth percentile. Every sample is in [results.json](results.json).",
    "",
    "| peer | command | Debian package |",
    "| --- | --- | --- |",
    ...peers.map(({ name, command, package: from }) => `| ${name} | \`${command}\` | ${from || "this repository"} |`),
    "",
    ...(missing.length === 0 ? [] : [`Not on this machine, and so not measured: ${missing.join(", ")}.`, ""]),
  ];
}

function section({ samples, peers }: Results, title: string, wanted: RegExp, meaning: string): string[] {
  const metrics = Object.keys(samples).filter((metric) => wanted.test(metric));
  if (metrics.length === 0) return [];
  const names = [...peers.map(({ name }) => name), ...(metrics.some((metric) => samples[metric]?.[BARE] !== undefined) ? [BARE] : [])];
  const row = (metric: string) => {
    const reference = figure(samples[metric]?.[REFERENCE] ?? []).median;
    return `| ${metric.replace(/, (ns|bytes|count)$/, "")} | ${names.map((name) => cell(samples[metric]?.[name] ?? [], reference, metric)).join(" | ")} |`;
  };
  return [`## ${title}`, "", meaning, "", `| | ${names.join(" | ")} |`, `| --- |${names.map(() => " --- |").join("")}`, ...metrics.map(row), ""];
}

function cell(values: readonly number[], reference: number, metric: string): string {
  if (values.length === 0) return /wall|SIGTERM/.test(metric) ? "never" : "–";
  const { median, low, high } = figure(values);
  const range = low === high ? "" : ` (${amount(low, metric)} to ${amount(high, metric)})`;
  return `**${ratio(median, reference)}** ${amount(median, metric)}${range}`;
}

function draw(results: Results): Record<string, string> {
  const { samples, peers } = results;
  const median = (metric: string, name: string) => quantile(samples[metric]?.[name] ?? [], 0.5);
  const bar = (title: string, metric: string, log: boolean): Chart => ({
    ...{ title, metric, log, xs: [] },
    series: peers.map(({ name }): Series => ({ name, values: [median(metric, name)] })),
  });
  const curve = (title: string, pattern: RegExp): Chart => {
    const metrics = Object.keys(samples).filter((metric) => pattern.test(metric));
    const names = [...peers.map(({ name }) => name), ...(metrics.some((metric) => samples[metric]?.[BARE] !== undefined) ? [BARE] : [])];
    return {
      ...{ title, metric: metrics[0] ?? "", log: true, xs: metrics.map((metric) => Number(pattern.exec(metric)?.[1]).toLocaleString("en-US")) },
      series: names.map((name): Series => ({ name, values: metrics.map((metric) => median(metric, name)) })),
    };
  };
  const has = (pattern: RegExp) => Object.keys(samples).some((metric) => pattern.test(metric));
  return {
    ...(has(/^orphans: CPU/) ? { "idle-cpu.svg": bars(bar("CPU of PID 1 while an orphan ends every 10 ms", "orphans: CPU, ns", true)) } : {}),
    ...(has(/^storm/)
      ? {
          "reaping-time.svg": lines(curve("Until the last of a storm of orphans is gone, by the size of the storm", /^storm of (\d+) wall/)),
          "reaping-cpu.svg": lines(curve("CPU of PID 1 for a storm of orphans, by its size", /^storm of (\d+) CPU/)),
        }
      : {}),
    ...(has(/^exec to parked/) ? { "start.svg": bars(bar("Exec to parked, median", "exec to parked, ns", true)) } : {}),
    ...(has(/^charge/) ? { "memory.svg": lines(curve("Memory charged for each pod, by the number of pods", /^charge of each of (\d+), bytes/)) } : {}),
    ...(has(/^file/) ? { "size.svg": bars(bar("Size of the file", "file, bytes", true)) } : {}),
  };
}
