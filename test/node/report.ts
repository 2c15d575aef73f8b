import type { NodeResult } from "./inside.ts";

/** A run of one node's programs, with each of the two programs in its sandboxes. */
export type NodeRun = {
  readonly name: string;
  readonly date: string;
  readonly kernel: string;
  /** The programs' own version texts. `left`: those that were not given. */
  readonly programs: readonly string[];
  readonly left: readonly string[];
  readonly pause: NodeResult;
  readonly reference: NodeResult;
};

/** All differences between the two: a line each. */
export function differences({ pause, reference }: NodeRun): readonly string[] {
  const names = [...new Set([...Object.keys(pause.seen), ...Object.keys(reference.seen)])];
  const cases = names
    .filter((name) => pause.seen[name] !== reference.seen[name])
    .map(
      (name) =>
        `${name}: ${pause.seen[name] ?? "not reached"}; the C program: ${reference.seen[name] ?? "not reached"}`,
    );
  const [ours, theirs] = [pause.critest?.failed ?? [], reference.critest?.failed ?? []];
  const only = (some: readonly string[], others: readonly string[], who: string) =>
    some.filter((name) => !others.includes(name)).map((name) => `critest, ${name}: fails with ${who} alone`);
  return [...cases, ...only(ours, theirs, "pause"), ...only(theirs, ours, "the C program")];
}

/** A run's summary for the terminal. */
export function summary(run: NodeRun): string {
  const differ = differences(run);
  const cases = Object.keys(run.pause.seen).length;
  return [
    `${run.name}: ${run.programs.join(", ")}; ${run.pause.driver}`,
    ...(run.left.length === 0 ? [] : [`  not run, because not given: ${run.left.join(", ")}`]),
    ...Object.entries(run.pause.seen).map(([name, seen]) => `  ${name}: ${seen}`),
    ...(run.pause.critest === undefined
      ? []
      : [`  critest: ${run.pause.critest.passed} passed, ${run.pause.critest.failed.length} failed`]),
    differ.length === 0 ? `  all ${cases} cases as with the C program` : "  what differs from the C program:",
    ...differ.map((line) => `  - ${line}`),
  ].join("\n");
}

/** The page's table of all stored runs. */
export function table(runs: readonly NodeRun[]): string {
  const names = [...new Set(runs.flatMap(({ pause }) => Object.keys(pause.seen)))];
  const row = (what: string, cell: (run: NodeRun) => string) => `| ${what} | ${runs.map(cell).join(" | ")} |`;
  const both = (metric: string) => (run: NodeRun) =>
    [run.pause, run.reference].map(({ figures }) => rounded(figures[metric])).join(" / ");
  return [
    `| | ${runs.map(({ name }) => name).join(" | ")} |`,
    `| --- |${" --- |".repeat(runs.length)}`,
    row("run on, kernel", ({ date, kernel }) => `${date}, ${kernel}`),
    row("programs", ({ programs }) => programs.join(", ")),
    row("pods by", ({ pause }) => pause.driver),
    row("cases as with the C program", (run) => {
      const differ = names.filter((name) => run.pause.seen[name] !== run.reference.seen[name]).length;
      return `${Object.keys(run.pause.seen).length - differ} of ${Object.keys(run.pause.seen).length}`;
    }),
    row("critest, pause / C", ({ pause, reference }) =>
      [pause, reference]
        .map(({ critest }) => (critest === undefined ? "–" : `${critest.passed} pass, ${critest.failed.length} fail`))
        .join(" / "),
    ),
    row("resident, plain pod, kB, pause / C", both("plain: resident, kB")),
    row("resident, pod with the host's processes, kB, pause / C", both("host-namespaces: resident, kB")),
    "",
    "What was seen with `/pause`:",
    "",
    ...names.filter((name) => !isGone(name, runs)).flatMap((name) => seenOf(name, runs)),
    `- pods deleted in ${names.filter((name) => isGone(name, runs)).length} ways: all gone`,
    "",
    ...runs.flatMap(failsWithBoth),
    ...runs.flatMap((run) => differences(run).map((line) => `- ${run.name}: ${line}`)),
  ]
    .join("\n")
    .trimEnd();
}

/** The critest failures with either program, without the prefix of each name. */
function failsWithBoth({ name, pause, reference }: NodeRun): readonly string[] {
  const both = (pause.critest?.failed ?? []).filter((failed) => reference.critest?.failed.includes(failed));
  return both.map((failed) => `- ${name}: critest fails with either: ${failed.replace(/^.*?\[k8s\.io\] /, "")}`);
}

/** Is it a deletion, and were its pods gone in every run? */
const isGone = (name: string, runs: readonly NodeRun[]) =>
  name.includes("deletion") && runs.every(({ pause }) => [undefined, "gone"].includes(pause.seen[name]));

/** One line if all runs saw the same, otherwise one for each thing that was seen. */
function seenOf(name: string, runs: readonly NodeRun[]): readonly string[] {
  const having = runs.filter(({ pause }) => pause.seen[name] !== undefined);
  const alike = [...Map.groupBy(having, ({ pause }) => pause.seen[name])];
  const [[first] = []] = alike;
  if (alike.length === 1) return [`- ${name}: ${first}`];
  return [`- ${name}:`, ...alike.map(([what, some]) => `  - ${some.map((run) => run.name).join("; ")}: ${what}`)];
}

const rounded = (value: number | undefined) => (value === undefined ? "–" : Math.round(value).toLocaleString("en-US"));
