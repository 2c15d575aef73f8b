import { amount } from "./format.ts";
import { FLOOR, MUSL, REFERENCE } from "./peers.ts";
import type { Results } from "./results.ts";
import { apart, figure } from "./samples.ts";

/** The figures of the first page and of the report's beginning: their names there, and their metrics. */
const ROWS = [
  ["size of the file", "file, bytes"],
  ["resident memory of one", "RSS, bytes"],
  ["memory charged for each of 200", "charge of each of 200, bytes"],
  ["start (exec to its wait)", "exec to parked, ns"],
  ["end (SIGTERM to exit)", "SIGTERM to exit, ns"],
  ["page faults (exec to exit)", "page faults in a whole life, count"],
  ["CPU for 10,000 orphans", "storm of 10000: CPU, ns"],
] as const;

const PAUSE = "pause";
export const HEADLINE_PEERS = [PAUSE, REFERENCE, MUSL, FLOOR] as const;

const of = ({ samples }: Results, metric: string, peer: string) => figure(samples[metric]?.[peer] ?? []);

/** A table of the medians, and of how pause compares with the two C programs. */
export function headlines(results: Results): string {
  const rows = ROWS.map(([name, metric]) => {
    const cells = HEADLINE_PEERS.map((peer) => amount(of(results, metric, peer).median, metric));
    return `| ${name} | ${cells.join(" | ")} |`;
  });
  const head = `| | ${HEADLINE_PEERS.join(" | ")} |`;
  return [head, `| --- |${" --- |".repeat(HEADLINE_PEERS.length)}`, ...rows, "", verdict(results)].join("\n");
}

/** Two figures differ if their spreads do not overlap. */
const WORDS = { below: "ahead of", alike: "level with", above: "behind" } as const;

/** A sentence for each outcome against the two C programs. */
function verdict(results: Results): string {
  const outcomes = ROWS.map(([name, metric]) => ({ name, outcome: outcomeOf(results, metric) }));
  const parts = [...Map.groupBy(outcomes, ({ outcome }) => outcome)].map(
    ([outcome, rows], at) =>
      `${at === 0 ? "pause" : "It"} is **${outcome}** in ${enumerated(rows.map(({ name }) => name))}.`,
  );
  return [...parts, "Figures are level where their spreads overlap."].join(" ");
}

const enumerated = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")}, and ${names.at(-1)}`;

function outcomeOf(results: Results, metric: string): string {
  const ours = of(results, metric, PAUSE);
  const [upstream, musl] = [REFERENCE, MUSL].map((peer) => WORDS[apart(ours, of(results, metric, peer)) ?? "alike"]);
  return upstream === musl ? `${upstream} both C programs` : `${upstream} upstream's and ${musl} musl's`;
}
