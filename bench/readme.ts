import { join } from "node:path";
import { withMarked, writeMarked } from "../harness/marks.ts";
import { command } from "../src/support/command.ts";
import { amount, ratio } from "./format.ts";
import { FLOOR, MUSL, REFERENCE } from "./peers.ts";
import { type Results, readResults } from "./results.ts";
import { figure } from "./samples.ts";

const README = join(import.meta.dir, "..", "README.md");
const MARK = "bench";

/** What the README's first table shows, in its words. */
const HEADLINES = [
  ["file", "file, bytes"],
  ["gzip -9", "gzip -9, bytes"],
  ["resident while parked", "RSS, bytes"],
  ["of it anonymous", "anonymous, bytes"],
  ["page tables", "page tables, bytes"],
  ["charged to a memory cgroup for each of 200", "charge of each of 200, bytes"],
  ["exec to parked", "exec to parked, ns"],
  ["SIGTERM to exit", "SIGTERM to exit, ns"],
  ["page faults in a whole life", "page faults in a whole life, count"],
  ["CPU in 10 s with an orphan every 10 ms", "orphans, 10 s: CPU, ns"],
  ["CPU for 10,000 orphans at once", "storm of 10000: CPU, ns"],
] as const;
const COLUMNS = ["pause", REFERENCE, MUSL, FLOOR, "catatonit", "tini"] as const;

/** The README's table of `results`: the ratios of pause to the two C programs, and the medians of the peers. */
function headlines({ samples }: Results): string {
  const rows = HEADLINES.map(([words, metric]) => {
    const medians = COLUMNS.map((name) => figure(samples[metric]?.[name] ?? []).median);
    const [ours = Number.NaN, upstream = Number.NaN, musl = Number.NaN] = medians;
    return `| ${words} | **${ratio(ours, upstream)}** | ${ratio(ours, musl)} | ${medians.map((median) => amount(median, metric)).join(" | ")} |`;
  });
  return [
    `| | pause / C | pause / C with musl | ${COLUMNS.join(" | ")} |`,
    `| --- | --- | --- |${COLUMNS.map(() => " --- |").join("")}`,
    ...rows,
  ].join("\n");
}

/** `readme` with the table of `results` between its two marks. @throws Error when it has no such marks. */
export const withHeadlines = (readme: string, results: Results): string => withMarked(readme, MARK, headlines(results));

if (import.meta.main)
  await command("bench:readme", async () =>
    writeMarked(README, MARK, headlines(readResults(join(import.meta.dir, "results.json")))),
  );
