import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const USAGE = `usage: bun run coverage TEST…

Runs these test files or folders and lists the lines of src/ that did not run, in the tests' own process or in any Bun
that they start with their environment. It is slow, because only the baseline compiler runs.`;

const PROJECT = join(import.meta.dir, "../..");

const tests = process.argv.slice(2);
if (tests.length === 0 || tests.includes("--help")) console.log(USAGE);
else process.exitCode = await cover(tests);

/** Runs `tests` and prints a row for each file of src/. Returns the status of the tests. */
async function cover(tests: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "pause-coverage-"));
  try {
    const child = Bun.spawn([process.execPath, "test", ...tests], {
      cwd: PROJECT,
      env: {
        ...process.env,
        PAUSE_COVERAGE: folder,
        BUN_OPTIONS: `--preload=${join(import.meta.dir, "profile.ts")}`,
        // Makes JavaScriptCore count which parts of a function ran.
        BUN_JSC_useControlFlowProfiler: "1",
      },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const status = await child.exited;
    report(readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8")));
    return status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A line ran if any process that loaded its file ran it. */
function report(profiles: readonly string[]): void {
  const missed = new Map<string, ReadonlySet<number>>();
  for (const row of profiles.flatMap((profile) => profile.split("\n")).filter(Boolean)) {
    const [file = "", ranges = ""] = row.split(" ");
    const here = linesIn(ranges);
    missed.set(file, missed.get(file)?.intersection(here) ?? here);
  }
  for (const file of [...new Bun.Glob("src/**/*.ts").scanSync(PROJECT)].toSorted()) {
    const lines = missed.get(file);
    const ran = lines === undefined ? "not loaded" : percentage(file, lines);
    console.log(
      `${ran.padStart(10)}  ${file}  ${lines === undefined ? "" : asRanges([...lines].toSorted((a, b) => a - b))}`,
    );
  }
}

/** The share of the lines with code; the profiler lists no others. */
function percentage(file: string, missed: ReadonlySet<number>): string {
  const code = readFileSync(join(PROJECT, file), "utf8")
    .split("\n")
    .filter((line) => !/^\s*(\/\/|\/?\*|$)/.test(line));
  return `${Math.round((100 * (code.length - missed.size)) / code.length)} %`;
}

/** The numbers in "4-5,9". */
function linesIn(text: string): ReadonlySet<number> {
  const ranges = text.split(",").filter(Boolean);
  return new Set(
    ranges.flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    }),
  );
}

/** Sorted numbers as "4-5,9". */
function asRanges(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}
