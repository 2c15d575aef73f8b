import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { blocksOf } from "../../harness/documented.ts";
import { marked, writeMarked } from "../../harness/marks.ts";
import { missingOf, NEEDS, program } from "../../harness/privilege.ts";
import { command } from "../../src/support/command.ts";
import { UserError } from "../../src/support/error.ts";
import { DIST, ROOT } from "../../src/support/project.ts";
import type { Scope } from "../../src/support/scope.ts";
import { ADMINISTRATOR, CLONE, MACHINES, type Newcomer, type Place, type Suite } from "./machines.ts";

/**
 * Builds machines that a newcomer may have, each with only Debian's smallest root and Node.js, and runs the README's
 * two commands in a fresh clone there. Writes a line of docs/newcomers.md for each.
 */
const USAGE =
  "usage: bun run test:newcomer [--config PATH]... [--env NAME]... [MACHINE]...\n" +
  "  MACHINE  the beginning of a machine's name (default: all machines)\n" +
  "  PATH     a file or folder of this host that the machines need for their network, copied to the same path there\n" +
  "  NAME     a variable of this environment that they need for it";
const PAGE = join(ROOT, "docs", "newcomers.md");
const MARK = "newcomers";
const WORK = join(DIST, "newcomer");
/** A command still running after this time is stuck, s. */
const LIMIT_S = 3600;

type Options = {
  readonly config: readonly string[];
  readonly env: readonly string[];
  readonly machines: readonly Newcomer[];
};
type Outcome = { readonly status: number; readonly seconds: number; readonly megabytes: number; readonly said: string };

/** @throws UserError for an unknown word. */
function parse(words: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { config: { type: "string", multiple: true }, env: { type: "string", multiple: true } },
  });
  const machines = MACHINES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const unknown = positionals.filter((word) => !MACHINES.some(({ name }) => name === word));
  if (unknown.length > 0)
    throw new UserError(
      `${unknown.join(", ")}: unknown machine; name one of ${MACHINES.map(({ name }) => name).join("; ")}\n${USAGE}`,
    );
  return { config: values.config ?? [], env: values.env ?? [], machines };
}

/** Runs both commands in a fresh machine. */
async function visit(run: Scope, machine: Newcomer, options: Options): Promise<readonly Outcome[]> {
  await using own = run.nested();
  const base = await baseRoot(own, machine.suite, options.config);
  // podman accepts no long path for its state.
  const place: Place = { root: join(own.folder("machine-", WORK), "root"), state: own.folder("nc-") };
  await did(own, ["cp", "--archive", "--reflink=auto", base, place.root]);
  mkdirSync(join(place.root, "home/newcomer"), { recursive: true });
  await did(own, ["git", "clone", "--quiet", ROOT, join(place.root, CLONE)]);
  await did(own, ["chown", "--recursive", `${machine.uid}:${machine.uid}`, join(place.root, "home/newcomer")]);
  if (machine.packages !== undefined) await prepared(own, place, machine.packages, options.env);

  const outcomes: Outcome[] = [];
  for (const line of readmeCommands()) {
    console.log(`${machine.name}: ${line.slice(0, 72)}...`);
    const outcome = await outcomeOf(own, machine, place, line, options.env);
    console.log(`  exit ${outcome.status}, ${outcome.seconds} s, ${outcome.megabytes} MB: ${outcome.said}`);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** Debian's smallest root with Node.js and npm, made once. @returns its folder. */
async function baseRoot(run: Scope, suite: Suite, config: readonly string[]): Promise<string> {
  const base = join(WORK, suite);
  if (existsSync(base)) return base;
  console.log(`making a root of ${suite}`);
  mkdirSync(WORK, { recursive: true });
  const fresh = join(run.folder("root-", WORK), "root");
  await did(run, ["mmdebstrap", "--variant=minbase", "--include=nodejs,npm,ca-certificates", suite, fresh]);
  // Its package archive may differ from the host's.
  for (const path of config) await did(run, ["cp", "--archive", "--dereference", "--parents", path, fresh]);
  renameSync(fresh, base);
  return base;
}

async function prepared(run: Scope, place: Place, packages: readonly string[], env: readonly string[]): Promise<void> {
  const line = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  await did(run, ADMINISTRATOR(place, { uid: 0, env: variables(0, env), command: ["bash", "-c", line] }));
}

const readmeCommands = (): readonly string[] =>
  blocksOf(readFileSync(join(ROOT, "README.md"), "utf8"))
    .filter(({ language }) => language === "sh")
    .slice(0, 2)
    .map(({ text }) => text);

/** An ordinary user cannot install packages, so root does that in the machine, without a sandbox. */
async function outcomeOf(
  run: Scope,
  machine: Newcomer,
  place: Place,
  line: string,
  env: readonly string[],
): Promise<Outcome> {
  const before = await megabytesOf(run, place.root);
  const start = performance.now();
  let status = 0;
  let output = "";
  for (const { words, uid, sandbox } of partsOf(machine, line)) {
    // Writes to a file of the machine, so that one can watch it.
    const file = `/home/newcomer/output-${uid}`;
    const task = { uid, env: variables(uid, env), command: ["bash", "-c", `{ ${words}; } >${file} 2>&1`] };
    ({ status } = await run.spawn(sandbox(place, task), { seconds: LIMIT_S }).ended);
    output += readFileSync(join(place.root, file), "utf8");
    if (status !== 0) break;
  }
  const seconds = Math.round((performance.now() - start) / 1000);
  const log = join(WORK, `${machine.name.replace(/\W+/g, "-")}-${line.endsWith("start") ? 1 : 2}.log`);
  writeFileSync(log, output);
  const megabytes = Math.round((await megabytesOf(run, place.root)) - before);
  return { status, seconds, megabytes, said: status === 0 ? gist(output) : `see ${log}` };
}

function partsOf(machine: Newcomer, line: string) {
  if (machine.uid === 0) return [{ words: line, uid: 0, sandbox: machine.sandbox }];
  const [installation = "", rest = ""] = line.split(/ && (?=npx )(.*)/s);
  return [
    { words: installation, uid: 0, sandbox: ADMINISTRATOR },
    { words: rest, uid: machine.uid, sandbox: machine.sandbox },
  ];
}

/** A login's environment there, plus the variables to pass on. */
function variables(uid: number, names: readonly string[]): Readonly<Record<string, string>> {
  const passed = names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name] ?? ""]]));
  const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  return { PATH: path, HOME: uid === 0 ? "/root" : "/home/newcomer", ...Object.fromEntries(passed) };
}

/** For the first command, how /pause was started; for the second, the count. */
const gist = (output: string): string =>
  /^- started \/pause (.*?):/m.exec(output)?.[1] ?? /^ordinary: (.*)$/m.exec(output)?.[1] ?? "";

async function megabytesOf(run: Scope, folder: string): Promise<number> {
  const { stdout } = await did(run, ["du", "--summarize", "--one-file-system", "--block-size=1000", folder]);
  return Number(stdout.split("\t")[0]) / 1000;
}

/** @throws UserError with the command's message when it fails. */
async function did(run: Scope, words: readonly string[]) {
  const end = await run.spawn(words).ended;
  if (end.status !== 0) throw new UserError(`${words.join(" ")} ended with ${end.status}: ${end.stderr.trim()}`);
  return end;
}

const minutes = (seconds: number) => `${Math.floor(seconds / 60)} min ${seconds % 60} s`;

function rowOf({ name }: Newcomer, outcomes: readonly Outcome[]): string {
  const cells = outcomes.flatMap(({ status, seconds, megabytes, said }) => [
    `${status === 0 ? said : `**exit ${status}**`}`,
    `${minutes(seconds)}, ${megabytes} MB`,
  ]);
  return `| ${[name, new Date().toISOString().slice(0, 10), ...cells].join(" | ")} |`;
}

/** Puts the machine's row into the page's table, replacing an earlier one. */
function record({ name }: Newcomer, row: string): void {
  const rows = new Map(
    marked(readFileSync(PAGE, "utf8"), MARK)
      .split("\n")
      .map((line) => [/^\| (.*?) \|/.exec(line)?.[1] ?? "", line] as const),
  );
  rows.set(name, row);
  const head = [
    "| machine | seen on | first command: `/pause` was started | takes | second command | takes |",
    "| --- | --- | --- | --- | --- | --- |",
  ];
  writeMarked(PAGE, MARK, [...head, ...MACHINES.flatMap((machine) => rows.get(machine.name) ?? [])].join("\n"));
}

await command("test:newcomer", async (run, words) => {
  const options = parse(words);
  const missing = missingOf([NEEDS.namespaces, ...["mmdebstrap", "podman", "runc", "runsc", "git"].map(program)]);
  if (missing !== "") throw new UserError(`this needs ${missing}`);
  let failed = 0;
  for (const machine of options.machines) {
    const outcomes = await visit(run, machine, options);
    failed += outcomes.filter(({ status }) => status !== 0).length;
    record(machine, rowOf(machine, outcomes));
  }
  return failed > 0 ? 1 : 0;
});
