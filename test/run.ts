import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { missingOf, NEEDS, REST_MARK, SHARE_VARIABLE, type Share } from "../harness/privilege.ts";
import { command } from "../src/support/command.ts";
import { UserError } from "../src/support/error.ts";
import type { Scope } from "../src/support/scope.ts";
import { GROUPS, type Group } from "./groups.ts";

/**
 * Runs the groups of tests of one command. `bun test/run.ts quick`: those without needs; `ordinary`: these, and those
 * that need what the README's second command installs; `rest`: what `bun run test:all` adds. Leaves out and names a
 * group whose needs are missing; under CI, such a group fails. Ends with the count.
 */
const PROJECT = join(import.meta.dir, "..");
const CI = process.env.CI === "true";

/** The time limit of a test that sets none. On a busy machine, every test takes long. */
const LIMIT_MS = 60_000;

type Count = { readonly passed: number; readonly failed: number; readonly skipped: number };
const NOTHING: Count = { passed: 0, failed: 0, skipped: 0 };

const sum = (one: Count, other: Count): Count => ({
  passed: one.passed + other.passed,
  failed: one.failed + other.failed,
  skipped: one.skipped + other.skipped,
});

/** The groups of these commands. */
const groupsOf = (...commands: readonly Group["command"][]) =>
  GROUPS.filter((group) => commands.includes(group.command));

const FILES = filesOf(GROUPS);
const filesIn = (groups: readonly Group[]) => groups.flatMap((group) => FILES.get(group) ?? []);

const ROUNDS: Readonly<Record<string, (run: Scope) => Promise<Count>>> = {
  quick: (run) => testGroups(run, groupsOf("test:quick"), "ordinary"),
  ordinary: (run) => testGroups(run, groupsOf("test:quick", "test"), "ordinary"),
  rest: async (run) =>
    sum(
      await testGroups(run, groupsOf("test:all")),
      await testFiles(run, filesIn(groupsOf("test:quick", "test")), "rest"),
    ),
};

/** The files of each group. */
function filesOf(groups: readonly Group[]): ReadonlyMap<Group, readonly string[]> {
  const taken = new Set<string>();
  return new Map(
    groups.map((group) => {
      const all = group.files.flatMap((glob) => [...new Bun.Glob(glob).scanSync(PROJECT)]);
      const own = all.filter((file) => !taken.has(file)).toSorted();
      for (const file of own) taken.add(file);
      return [group, own];
    }),
  );
}

async function testGroups(run: Scope, groups: readonly Group[], share?: Share): Promise<Count> {
  const here = groups.filter(({ name, needs }) => {
    const missing = missingOf(needs);
    if (missing !== "") console.error(`${CI ? "fail" : "skipped"}: ${name}: needs ${missing}`);
    return missing === "";
  });
  const absent = groups.length - here.length;
  const count = await testFiles(run, filesIn(here), share);
  return sum(count, CI ? { ...NOTHING, failed: absent } : { ...NOTHING, skipped: absent });
}

/** Runs `bun test` on these files. For the rest's share, runs only the tests with its mark. */
async function testFiles(run: Scope, files: readonly string[], share?: Share): Promise<Count> {
  if (files.length === 0) return NOTHING;
  const report = join(run.folder("pause-tests-"), "junit.xml");
  const filter = share === "rest" ? ["--test-name-pattern", `${REST_MARK.replace(/[[\]]/g, "\\$&")}$`] : [];
  const reporter = [`--timeout=${LIMIT_MS}`, "--reporter=junit", `--reporter-outfile=${report}`];
  const { status } = await run.spawn(
    [process.execPath, "test", ...reporter, ...filter, ...files.map((file) => `./${file}`)],
    {
      cwd: PROJECT,
      env: { ...process.env, [SHARE_VARIABLE]: share },
      stdout: "inherit",
      stderr: "inherit",
    },
  ).ended;
  const count = countIn(report);
  return {
    passed: count.passed,
    // bun test does not count a file that fails to load as a failed test.
    failed: status !== 0 && count.failed === 0 ? 1 : count.failed,
    // bun test counts what the filter leaves out as skipped.
    skipped: share === "rest" ? 0 : count.skipped,
  };
}

/** The sums in JUnit's report; empty if there is none. */
function countIn(report: string): Count {
  if (statSync(report, { throwIfNoEntry: false }) === undefined) return NOTHING;
  const [head = ""] = /<testsuites [^>]*>/.exec(readFileSync(report, "utf8")) ?? [];
  const number = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const [failed, skipped] = [number("failures"), number("skipped")];
  return { passed: number("tests") - failed - skipped, failed, skipped };
}

/** Printed first, because a test or a container runtime that waits for its orphans to disappear may wait in vain. */
function sayWhetherOrphansEnd(): void {
  if (NEEDS.reaper.present()) return;
  const name = readFileSync("/proc/1/comm", "utf8").trim();
  console.error(`PID 1 (${name}) does not reap orphans, which some tests need: start the container with --init`);
}

/** The tests run the files in dist. Builds them again if they are older than their sources. */
async function buildWhereOlder(run: Scope): Promise<void> {
  const built = modified("dist/provenance.json");
  const sources = [...new Bun.Glob("src/**/*").scanSync(PROJECT), "package.json"];
  const younger = sources.find((file) => modified(file) > built);
  if (younger === undefined) return;
  console.log(`building, because ${built === 0 ? "dist is empty" : `${younger} is newer than dist`}`);
  const build = run.spawn([process.execPath, "src/build/cli.ts"], {
    cwd: PROJECT,
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await build.ended).status !== 0) throw new UserError("the build failed, so there is nothing to test");
}

/** When the file was written, ms; 0 if it does not exist. */
function modified(file: string): number {
  return statSync(join(PROJECT, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

await command("test", async (run, [name = ""]) => {
  const round = ROUNDS[name];
  if (round === undefined)
    throw new UserError(`usage: bun test/run.ts ROUND, one of ${Object.keys(ROUNDS).join(", ")}`);
  sayWhetherOrphansEnd();
  await buildWhereOlder(run);
  const { passed, failed, skipped } = await round(run);
  console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed > 0 || passed === 0 || (CI && skipped > 0) ? 1 : 0;
});
