import { join } from "node:path";
import { writeMarked } from "../harness/marks.ts";
import { amount } from "./format.ts";
import { MUSL, REFERENCE } from "./peers.ts";
import type { Results } from "./results.ts";
import { figure } from "./samples.ts";

const PAGE = join(import.meta.dir, "..", "docs", "fleets.md");
const MARK = "fleet";

/** Pods on a node: the kubelet's default, the limit of managed clusters, and more than most have. */
const PODS = [110, 250, 1000];
const NODES = 5000;
/** The charge to a memory control group for each of many, bytes. */
const CHARGE = "charge of each of 200, bytes";
/** CPU of PID 1 in a window of 10 s with an orphan every 10 ms, ns, and the number of these orphans. */
const ORPHANS = "orphans, 10 s: CPU, ns";
const ORPHANS_IN_WINDOW = 1000;

/** What nodes with so many pods spend, by a full run's figures, and what a fleet of them saves: a table in Markdown. */
export function fleet({ samples }: Results): string {
  const median = (metric: string, peer: string) => figure(samples[metric]?.[peer] ?? []).median;
  const charged = (peer: string) => (pods: number) => amount(pods * median(CHARGE, peer), "bytes");
  const saved = (peer: string, nodes: number) => (pods: number) =>
    amount(nodes * pods * (median(CHARGE, peer) - median(CHARGE, "pause")), "bytes");
  const spent = (peer: string) => (pods: number) =>
    `${amount((pods * median(ORPHANS, peer)) / ORPHANS_IN_WINDOW, "ns")} a second`;
  const rows: readonly (readonly [string, (pods: number) => string])[] = [
    ["memory of all pauses, `pause`", charged("pause")],
    [`memory of all pauses, ${REFERENCE}`, charged(REFERENCE)],
    [`memory of all pauses, ${MUSL}`, charged(MUSL)],
    [`saved on a node against ${REFERENCE}`, saved(REFERENCE, 1)],
    [`saved on a node against ${MUSL}`, saved(MUSL, 1)],
    [`saved on ${NODES.toLocaleString("en-US")} nodes against ${REFERENCE}`, saved(REFERENCE, NODES)],
    ["CPU of all pauses with an orphan a second in each pod, `pause`", spent("pause")],
    [`CPU of all pauses with an orphan a second in each pod, ${REFERENCE}`, spent(REFERENCE)],
  ];
  return [
    `| pods on a node | ${PODS.map((pods) => pods.toLocaleString("en-US")).join(" | ")} |`,
    `| --- |${PODS.map(() => " --- |").join("")}`,
    ...rows.map(([what, value]) => `| ${what} | ${PODS.map(value).join(" | ")} |`),
  ].join("\n");
}

/** Writes the table of `results` into docs/fleets.md. @throws Error when that has no marks. */
export const writeFleet = (results: Results): void => writeMarked(PAGE, MARK, fleet(results));
