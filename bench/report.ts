import { amount, ratio, withoutUnit } from "./format.ts";
import { headlines } from "./headlines.ts";
import { measured } from "./measure/measurement.ts";
import { REFERENCE } from "./peers.ts";
import { pictures, SUMMARY } from "./pictures.ts";
import type { Results } from "./results.ts";
import { apart, figure, ratios } from "./samples.ts";

/** A row for each peer, a column for each metric that the pattern finds; its first group is the column's heading. */
type Table = {
  readonly caption?: string;
  readonly pattern: RegExp;
  /** The headings are sizes: say how the figures grow with them. */
  readonly grows?: boolean;
  /** The one peer that has it. */
  readonly only?: string;
};

type Section = {
  readonly title: string;
  readonly meaning: string;
  readonly tables: readonly Table[];
  readonly pictures: readonly string[];
};

const SECTIONS: readonly Section[] = [
  {
    title: "Idle",
    meaning:
      "What a parked process costs the node while nothing happens. 0 is possible. A program that wakes up from " +
      "time to time is not at 0.",
    tables: [{ pattern: /^idle, .*: (.+), \w+$/ }],
    pictures: ["idle-cpu.svg"],
  },
  {
    title: "Idle, with an orphan every 10 ms",
    meaning:
      "What a pod costs if its containers start processes and leave them behind. If a program ignores SIGCHLD, " +
      "the kernel discards its orphans and does not wake it.",
    tables: [{ pattern: /^orphans.*: (.+), \w+$/ }],
    pictures: ["orphans-cpu.svg"],
  },
  {
    title: "Mass reaping",
    meaning:
      "Many orphans end at once. The tables show the time until the last one is gone from the process table, " +
      "and what PID 1 had to do for it. The run without any PID 1 shows what the orphans themselves cost. An " +
      "orphan counts as a zombie from its last instruction on. So one or two are on their way out at any time, " +
      "and more if the kernel makes them wait.",
    tables: [
      { caption: "Wall time, by the size of the storm", pattern: /^storm of (\d+): wall, ns$/, grows: true },
      { caption: "CPU of PID 1", pattern: /^storm of (\d+): CPU, ns$/, grows: true },
      {
        caption: "Times that PID 1 was switched to (wake-ups)",
        pattern: /^storm of (\d+): switches, count$/,
        grows: true,
      },
      { caption: "Most zombies at once", pattern: /^storm of (\d+): most zombies, count$/, grows: true },
      { caption: "Never reaped", pattern: /^storm of (\d+): left, count$/ },
      {
        caption: "A storm while PID 1 is stopped (SIGSTOP): zombies that wait for it",
        pattern: /^stopped, storm of (\d+): zombies, count$/,
      },
      { caption: "From SIGCONT until the last of them is gone", pattern: /^stopped, storm of (\d+): wall, ns$/ },
      {
        caption: "CPU of PID 1 for this, including the stop and the return to its wait",
        pattern: /^stopped, storm of (\d+): CPU, ns$/,
      },
    ],
    pictures: ["reaping-time.svg", "reaping-cpu.svg"],
  },
  {
    title: "Start and end",
    meaning:
      "The start is the time from exec to the system call that the program parks in. The end is the time from " +
      "SIGTERM, 2 ms later, until the parent has the status. The parent keeps its CPU busy before, because an " +
      "idle one would have to wake up first. The observer reads /proc/PID/syscall in a loop, on a CPU of its " +
      "own. A program that first touches some of its memory at its exit pays for it there.",
    tables: [
      { pattern: /^(exec to parked|SIGTERM to exit), ns$/ },
      { caption: "Page faults, exec to exit", pattern: /^(page faults in a whole life), count$/ },
      {
        caption: "Instructions that the shipped file executes from SIGTERM to its exit, by where they came from",
        pattern: /^instructions from SIGTERM to exit: (.+), count$/,
        only: "pause",
      },
    ],
    pictures: ["start.svg"],
  },
  {
    title: "Memory",
    meaning:
      "The memory of one program, with everything that it started (`tini` and `dumb-init` need a `sleep` beside " +
      "them). Then the memory that the kernel charges a memory control group for each of many. Every file is in " +
      "the page cache already, and charged to no program here. The kernel charges in batches of up to 64 pages " +
      "for each CPU, so the figure for 1 is uncertain by that much.",
    tables: [
      { caption: "Of one program", pattern: /^(RSS|PSS|anonymous|page tables), bytes$/ },
      { caption: "Charged for each, by how many run at once", pattern: /^charge of each of (\d+), bytes$/ },
      { caption: "The kernel's part of that", pattern: /^charge of each of (\d+), of it kernel, bytes$/ },
    ],
    pictures: ["memory.svg"],
  },
  {
    title: "Size",
    meaning:
      "The size of the file alone. `catatonit`, `tini`, `pause` and the C programs are static. `dumb-init`, " +
      "`sleep` and `pause-dynamic` also need a C library and more, which the table does not count.",
    tables: [{ pattern: /^(file|gzip.*|zstd.*|pages mapped|segments), \w+$/ }],
    pictures: ["size.svg"],
  },
  {
    title: "Latency under load",
    meaning:
      "When half of the orphans of a storm have ended, one of them sends SIGTERM to its PID 1. One figure ends when " +
      "PID 1 begins to exit: it waits for a CPU behind the orphans until then. The other ends when its parent has its " +
      "status: the kernel ends a namespace with its PID 1, and waits for everything in it.",
    tables: [{ pattern: /^(SIGTERM to exit.* in a storm of \d+), ns$/ }],
    pictures: [],
  },
  {
    title: "A node full of pods",
    meaning:
      "All pods of a node run at once, and each leaves an orphan every 100 ms. The table shows the memory and " +
      "the CPU of all pauses together. It also shows the CPU of everything in the pods' control group, which " +
      "includes the orphans and the process that makes them. A pause that only moved its work to another " +
      "process would not look better there.",
    tables: [{ pattern: /^node of \d+ pods.*: (.+), \w+$/ }],
    pictures: ["node-cpu.svg"],
  },
];

/** The report as files: REPORT.md and its pictures. */
export function report(results: Results): Record<string, string> {
  const drawn = pictures(results);
  const text = [
    `# ${results.quick ? "A quick run: few samples, short windows" : "Benchmark report"}`,
    "",
    ...beginning(results, drawn),
    ...preface(results),
    ...SECTIONS.flatMap((section) => written(section, results, drawn)),
  ];
  return { "REPORT.md": `${text.join("\n").trimEnd()}\n`, ...drawn };
}

/** The overall result; empty unless everything was measured. */
function beginning(results: Results, drawn: Record<string, string>): string[] {
  if (drawn[SUMMARY] === undefined) return [];
  const reader =
    "For anyone who wants to check the figures or see all of them. You get the verdict, then every measurement.";
  return [reader, "", `![summary](${SUMMARY})`, "", headlines(results), "", "## How it was measured", ""];
}

function preface({ taken, seconds, machine, version, commit, bun, peers, missing }: Results): string[] {
  const shortCommit = commit.replace(/^(\w{12})\w*/, "$1");
  return [
    `Taken on ${taken} in ${Math.round(seconds)} s by \`bun run bench\`, pause ${version} (commit ${shortCommit}), Bun ${bun}, on ${machine.cores} cores (${machine.cpu}), ` +
      `${amount(machine.memoryBytes, "bytes")} of memory, Linux ${machine.kernel}, cgroup ${machine.cgroup}. On this machine a system call takes ${amount(machine.prices.call, "ns")} and the first touch of a page ` +
      `${amount(machine.prices.touch, "ns")}: look at the ratios and the spread.`,
    "",
    "Each peer is PID 1 of a PID namespace of its own. All take turns, so that drift hits all alike. Each cell has the " +
      `ratio to "${REFERENCE}", then the median, and the range from the tenth to the ninetieth percentile. "${REFERENCE}" ` +
      "is a C program of upstream's structure: handlers, one of which waits for every child, and pause(2); " +
      '`gcc -Os -static`, stripped. If the reference is at 0, there is no ratio: the cell says "both 0" or "C: 0". ' +
      "[results.json](results.json) has every sample.",
    "",
    "| peer | command | from | SHA-256 |",
    "| --- | --- | --- | --- |",
    ...peers.map(
      ({ name, command, package: from, sha256 }) =>
        `| ${name} | \`${command}\` | ${from || "this repository"} | ${sha256.slice(0, 16)}… |`,
    ),
    "",
    ...(missing.length === 0
      ? []
      : [`Not measured, because this machine does not have them: ${missing.join(", ")}.`, ""]),
  ];
}

function written(
  { title, meaning, tables, pictures }: Section,
  results: Results,
  drawn: Record<string, string>,
): string[] {
  const metrics = Object.keys(results.samples).filter((metric) => tables.some(({ pattern }) => pattern.test(metric)));
  if (metrics.length === 0) return [];
  const shown = pictures.filter((name) => drawn[name] !== undefined);
  return [
    ...[`## ${title}`, "", meaning, ""],
    ...verdict(results, metrics),
    ...tables.flatMap((table) => drawTable(table, results)),
    ...shown.flatMap((name) => [`![${name.replace(/-|\.svg/g, " ").trim()}](${name})`, ""]),
  ];
}

/** With so many turns, all of them fall on one side by chance less than once in a hundred times. */
const TURNS = 9;

/**
 * Wins and losses of pause against the reference: where the spreads do not overlap, or what was less, or more, in nine
 * of ten turns.
 */
function verdict({ samples }: Results, metrics: readonly string[]): string[] {
  const held = metrics.flatMap((metric) => {
    const [ours = [], theirs = []] = ["pause", REFERENCE].map((name) => samples[metric]?.[name]);
    if (ours.length === 0 || theirs.length === 0) return [];
    const turns = ratios(ours, theirs) ?? [];
    const { low, high } = figure(turns.length < TURNS ? [] : turns);
    const way = apart(figure(ours), figure(theirs));
    const words = `${withoutUnit(metric)} (${ratio(figure(ours).median, figure(theirs).median)})`;
    return [
      {
        words,
        less: way === "below" || high < 1,
        more: way === "above" || low > 1,
        zero: [...ours, ...theirs].every((value) => value === 0),
      },
    ];
  });
  if (held.length === 0) return [];
  const [less, more, zero] = [
    held.filter(({ less }) => less),
    held.filter(({ more }) => more),
    held.filter(({ zero }) => zero),
  ];
  const alike = held.length - less.length - more.length - zero.length;
  const list = (of: readonly { words: string }[]) => of.map(({ words }) => words).join(", ");
  const parts = [
    ...(less.length === 0 ? [] : [`lower in ${list(less)}`]),
    ...(more.length === 0 ? [] : [`higher in ${list(more)}`]),
    ...(zero.length === 0 ? [] : [`both at 0 throughout in ${zero.length}`]),
    ...(alike === 0 ? [] : [`no difference beyond the spread in ${alike}`]),
  ];
  return [`**\`pause\` against ${REFERENCE}, in ${held.length} figures**: ${parts.join("; ")}.`, ""];
}

function drawTable({ caption, pattern, grows = false, only }: Table, { samples, peers }: Results): string[] {
  const metrics = Object.keys(samples).filter((metric) => pattern.test(metric));
  const [first] = metrics;
  if (first === undefined) return [];
  const heading = (metric: string) =>
    (pattern.exec(metric)?.[1] ?? "").replace(/^\d+$/, (size) => Number(size).toLocaleString("en-US"));
  const growth = grows && metrics.length > 1;
  const headings = [...metrics.map(heading), ...(growth ? ["grows as size to the power"] : [])];
  const names = only === undefined ? measured(peers, samples[first] ?? {}) : [only];
  const row = (name: string) => [
    ...metrics.map((metric) => cell(samples[metric] ?? {}, name, metric)),
    ...(growth ? [power(pattern, metrics, samples, name)] : []),
  ];
  return [
    ...(caption === undefined ? [] : [`${caption}:`, ""]),
    `| | ${headings.join(" | ")} |`,
    `| --- |${headings.map(() => " --- |").join("")}`,
    ...names.map((name) => `| ${name} | ${row(name).join(" | ")} |`),
    "",
  ];
}

function cell(peers: Readonly<Record<string, number[]>>, name: string, metric: string): string {
  const values = peers[name] ?? [];
  if (values.length === 0) return /wall|SIGTERM/.test(metric) ? "never" : "–";
  const { median, low, high } = figure(values);
  const range = low === high ? "" : ` (${amount(low, metric)} to ${amount(high, metric)})`;
  return `**${ratio(median, figure(peers[REFERENCE] ?? []).median)}** ${amount(median, metric)}${range}`;
}

/** The growth between the smallest and the largest size: 1 is in proportion, 2 is with the square. */
function power(pattern: RegExp, metrics: readonly string[], samples: Results["samples"], name: string): string {
  const points = metrics.map(
    (metric) => [Number(pattern.exec(metric)?.[1]), figure(samples[metric]?.[name] ?? []).median] as const,
  );
  const [[size = 1, value = 0] = [], [largest = 1, most = 0] = []] = [points[0], points.at(-1)];
  return value > 0 && most > 0 ? (Math.log(most / value) / Math.log(largest / size)).toFixed(2) : "–";
}
