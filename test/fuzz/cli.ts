import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { command } from "../../src/support/command.ts";
import { UserError } from "../../src/support/error.ts";
import type { Scope } from "../../src/support/scope.ts";
import { keep } from "./property.ts";

const USAGE = `usage: bun run fuzz [NAME] [--runs NUMBER]

Tries each property of test/fuzz, or of test/fuzz/NAME.test.ts, on more inputs than the tests do. An input that
breaks one, or makes it hang, becomes a file in test/fuzz/seeds, which every run of the tests tries first.
"executables" runs only by its name: it downloads Buns and libraries, and takes seconds for each input.

  --runs NUMBER   inputs for each property (default 20000)`;

/** An input that takes this many seconds is a hang. */
const PATIENCE = 60;

await command("fuzz", async (run, words) => {
  const { help, name, runs } = parse(words);
  if (help) console.log(USAGE);
  else return fuzz(run, name, runs);
  return 0;
});

/** @throws UserError for words that the command does not take. */
function parse(words: readonly string[]): { help: boolean; name: string; runs: string } {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { runs: { type: "string", default: "20000" }, help: { type: "boolean", default: false } },
    });
    if (!/^[1-9]\d{0,8}$/.test(values.runs)) throw new Error(`--runs ${values.runs}: not a number of inputs`);
    return { help: values.help, name: positionals[0] ?? "", runs: values.runs };
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}; see bun run fuzz --help`);
  }
}

/** Runs the files of properties whose names begin with `name`. Returns the exit status. */
async function fuzz(run: Scope, name: string, runs: string): Promise<number> {
  const endings = name === "" ? [".test.ts"] : [".test.ts", ".hand.ts"];
  const files = readdirSync(import.meta.dir).filter(
    (file) => file.startsWith(name) && endings.some((ending) => file.endsWith(ending)),
  );
  if (files.length === 0) throw new UserError(`no file matches test/fuzz/${name}*.test.ts`);
  let status = 0;
  for (const file of files) status = Math.max(status, await fuzzFile(run, file, runs));
  return status;
}

async function fuzzFile(run: Scope, file: string, runs: string): Promise<number> {
  const underWay = run.folder("pause-fuzz-");
  const child = run.spawn([process.execPath, "test", join(import.meta.dir, file)], {
    env: { ...process.env, FUZZ_RUNS: runs, FUZZ_UNDER_WAY: underWay },
    ...{ stdout: "inherit", stderr: "inherit" },
  });
  const watch = setInterval(() => {
    const hangs = hangsOn(underWay);
    if (hangs === undefined) return;
    child.kill("SIGKILL");
    console.error(`fuzz: ${hangs} takes more than ${PATIENCE} s: ${keep(hangs, readFileSync(join(underWay, hangs)))}`);
  }, 1000);
  try {
    return (await child.ended).status;
  } finally {
    clearInterval(watch);
  }
}

/** The property with the newest input, if that is older than the patience. */
function hangsOn(underWay: string): string | undefined {
  const ages = readdirSync(underWay).map((name) => ({ name, at: statSync(join(underWay, name)).mtimeMs }));
  const newest = ages.toSorted((a, b) => b.at - a.at)[0];
  return newest !== undefined && Date.now() - newest.at > PATIENCE * 1000 ? newest.name : undefined;
}
