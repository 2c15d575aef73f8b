import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { libraryFolder } from "../../../harness/artifacts.ts";
import { X86_64 } from "../../../src/arch/x86-64/architecture.ts";
import {
  installPrograms,
  onLoopback,
  PROGRAMS,
  type Program,
  type Run,
  rootFor,
  run,
  runAlone,
  succeed,
} from "../others.ts";
import { columns, cost, forget, inTurn, megabytes, spread, table } from "./measure.ts";
import { linkWith, outcome, type Suite } from "./suites.ts";

/** Runs of each program, linked and unlinked in turn. */
export const RUNS = 5;
const HELLO: Program = { name: "hello", shows: "sqlite, a server, a request" };

/** The programs of others with the libraries of each release, and their cost with those of the first. */
export async function programsTable(suites: readonly Suite[], folder: string): Promise<string> {
  const sources = installPrograms();
  const rows: string[][] = [];
  for (const program of [HELLO, ...PROGRAMS]) {
    console.log(program.name);
    rows.push(await programRow(program, sources, suites, folder));
  }
  const costs = ["size", "time", "memory"].flatMap((cost) => [`${cost} unlinked`, `${cost} linked`]);
  return table(["program", "shows", ...suites.map(({ name }) => name), ...costs], rows);
}

async function programRow(
  program: Program,
  sources: string,
  suites: readonly Suite[],
  folder: string,
): Promise<string[]> {
  const unlinked = join(folder, "unlinked");
  const entry = existsSync(join(sources, `${program.name}.tsx`)) ? `${program.name}.tsx` : `${program.name}.ts`;
  const entries = [entry, ...(program.worker === undefined ? [] : [program.worker])];
  const compiling = ["build", "--compile", `--target=${X86_64.bunTarget}`, ...entries, "--outfile", unlinked];
  succeed([process.execPath, ...compiling], sources);
  const expected = program.prints ?? outcome(runUnlinked(unlinked, [], program.input));
  const outputs = suites.map(({ name }) => join(folder, name));
  const same = suites.map((suite, index) => {
    const output = outputs[index] ?? "";
    const refused = linkWith(unlinked, output, suite);
    if (refused !== undefined) return refused;
    const found = runAlone(rootFor("tables", output), [], program.input);
    return (program.prints === undefined ? outcome(found) : found.stdout) === expected ? "same" : "differs";
  });
  const [linked = ""] = outputs;
  const input = program.input === undefined ? {} : { input: program.input };
  // Both files were written and read just now: their pages would be in the page cache in other ways than usual.
  for (const file of [unlinked, linked]) forget(file);
  const ofUnlinked = () => cost({ command: [unlinked], env: { LD_LIBRARY_PATH: libraryFolder() }, ...input });
  const ofLinked = () => cost({ command: [linked], ...input });
  ofUnlinked();
  ofLinked();
  // Without the addon, the unlinked one does other work.
  const costs = program.prints === undefined ? await inTurn(RUNS, ofUnlinked, ofLinked) : undefined;
  const sizes = [unlinked, linked].map((file) => statSync(file).size.toLocaleString("en-US"));
  succeed(["rm", unlinked, ...outputs], "/");
  const shown =
    costs === undefined
      ? ["–", "–", "–", "–"]
      : [
          ...columns(costs, (runs) =>
            spread(
              runs.map(({ time }) => time),
              "ms",
              0,
            ),
          ),
          ...columns(costs, (runs) => megabytes(runs.map(({ memory }) => memory))),
        ];
  return [program.name, program.shows, ...same, ...sizes, ...shown];
}

/** Runs an unlinked program with musl's loader and this machine's libraries, on a loopback. */
export function runUnlinked(
  file: string,
  args: readonly string[],
  input = "",
  env: Readonly<Record<string, string>> = {},
): Run {
  const variables = { PATH: process.env.PATH ?? "", LD_LIBRARY_PATH: libraryFolder(), ...env };
  return run(onLoopback([file, ...args]), input, variables, "/tmp");
}
