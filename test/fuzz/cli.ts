import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { keep } from "./property.ts";

const USAGE = `usage: bun run fuzz [NAME] [--runs NUMBER]

Gives each property of test/fuzz, or of test/fuzz/NAME.test.ts, more inputs than a run of the tests does. An input that
breaks one, or that it hangs on, becomes a file in test/fuzz/seeds, which every run of the tests begins with.

  --runs NUMBER   inputs for each property, 20000 unless given`;

/** So many seconds on one input are a hang. */
const PATIENCE = 60;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: "string", default: "20000" }, help: { type: "boolean", default: false } },
});
if (values.help) console.log(USAGE);
else process.exitCode = await fuzz(positionals[0] ?? "", values.runs);

/** Runs the files of properties whose names begin with `name`. Returns the exit status. */
async function fuzz(name: string, runs: string): Promise<number> {
  const files = readdirSync(import.meta.dir).filter((file) => file.startsWith(name) && file.endsWith(".test.ts"));
  if (files.length === 0) {
    console.error(`fuzz: no test/fuzz/${name}*.test.ts`);
    return 2;
  }
  const underWay = mkdtempSync(join(tmpdir(), "pause-fuzz-"));
  try {
    let status = 0;
    for (const file of files) status = Math.max(status, await fuzzFile(file, runs, underWay));
    return status;
  } finally {
    rmSync(underWay, { recursive: true, force: true });
  }
}

async function fuzzFile(file: string, runs: string, underWay: string): Promise<number> {
  const child = Bun.spawn([process.execPath, "test", join(import.meta.dir, file)], {
    env: { ...process.env, FUZZ_RUNS: runs, FUZZ_UNDER_WAY: underWay },
    stdout: "inherit",
    stderr: "inherit",
  });
  const watch = setInterval(() => {
    const hangs = hangsOn(underWay);
    if (hangs === undefined) return;
    child.kill("SIGKILL");
    console.error(`fuzz: ${hangs} takes more than ${PATIENCE} s: ${keep(hangs, readFileSync(join(underWay, hangs)))}`);
  }, 1000);
  const status = await child.exited;
  clearInterval(watch);
  for (const name of readdirSync(underWay)) rmSync(join(underWay, name));
  return status;
}

/** The property whose input is the newest, if that is older than the patience. */
function hangsOn(underWay: string): string | undefined {
  const ages = readdirSync(underWay).map((name) => ({ name, at: statSync(join(underWay, name)).mtimeMs }));
  const newest = ages.toSorted((a, b) => b.at - a.at)[0];
  return newest !== undefined && Date.now() - newest.at > PATIENCE * 1000 ? newest.name : undefined;
}
