import { readFileSync } from "node:fs";
import { join } from "node:path";
import { figure } from "../../../bench/samples.ts";
import { compileC, TEST_DIST } from "../../../harness/compile.ts";
import { succeed } from "../others.ts";

/** A command to measure, with its environment and its whole stdin. */
export type Measured = {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
};

/** One run: time from start to exit in ms, and largest resident set in bytes. */
type Cost = { readonly time: number; readonly memory: number };

const REPORT = join(TEST_DIST, "measure-report");

/** The unlinked program and the linked one: what was found of each, run by run. */
export type Pair<T> = { readonly unlinked: readonly T[]; readonly linked: readonly T[] };

/** Takes `count` samples of each, in turn, so that both see the same machine. */
export async function inTurn<T>(
  count: number,
  unlinked: () => T | Promise<T>,
  linked: () => T | Promise<T>,
): Promise<Pair<T>> {
  const pair: { unlinked: T[]; linked: T[] } = { unlinked: [], linked: [] };
  for (let run = 0; run < count; run++) {
    pair.unlinked.push(await unlinked());
    pair.linked.push(await linked());
  }
  return pair;
}

/** Runs a command to its end, whatever its exit code. */
export function cost({ command, env = {}, input = "" }: Measured): Cost {
  const measure = compileC("measure", join(import.meta.dir, "..", "fixture", "measure.c"), ["-O1"]);
  Bun.spawnSync([measure, REPORT, ...command], {
    stdin: Buffer.from(input),
    stdout: "ignore",
    stderr: "ignore",
    env: { PATH: process.env.PATH ?? "", ...env },
    cwd: "/tmp",
  });
  const [microseconds = Number.NaN, kilobytes = Number.NaN] = readFileSync(REPORT, "utf8").split(" ").map(Number);
  return { time: microseconds / 1000, memory: kilobytes * 1024 };
}

/** Removes a file's pages from the page cache, so that the next run reads those that it touches from the disk. */
export function forget(file: string): void {
  succeed(["sync", "--data", file], "/");
  succeed(["dd", `if=${file}`, "iflag=nocache", "count=0", "status=none"], "/");
}

/** The median, and the quartiles: "15.2 ms (14.8–16.0)". */
export function spread(values: readonly number[], unit: string, digits: number): string {
  const { median, low, high } = figure(values);
  return `${median.toFixed(digits)} ${unit} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

export const megabytes = (bytes: readonly number[]) =>
  spread(
    bytes.map((each) => each / 1e6),
    "MB",
    1,
  );

/** The ratio linked / unlinked of each pair of runs: its median and quartiles. */
export const ratio = ({ unlinked, linked }: Pair<number>) => {
  const { median, low, high } = figure(linked.map((value, run) => value / (unlinked[run] ?? Number.NaN)));
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
};

export const columns = <T>({ unlinked, linked }: Pair<T>, show: (values: readonly T[]) => string) => [
  show(unlinked),
  show(linked),
];

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |\n`).join("");
}
