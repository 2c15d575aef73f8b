/**
 * Tries what is too much for every test run, and writes docs/link-tables.md: Buns with the libraries of several
 * releases, and other projects' programs with their size, time and memory against the unlinked program. Downloads some
 * 70 MB for each Bun.
 */

import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, release } from "node:os";
import { join } from "node:path";
import { libraryFolder } from "../../harness/artifacts.ts";
import { TEST_DIST } from "../../harness/compile.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { packageField } from "../../src/build/debian/packages.ts";
import { command } from "../../src/support/command.ts";
import type { Scope } from "../../src/support/scope.ts";
import {
  CLI,
  compiledBy,
  installPrograms,
  librariesOf,
  PROGRAMS,
  type Program,
  rootFor,
  runAlone,
  succeed,
} from "./others.ts";

/** The first and last version of each line, and those where something changed. */
const VERSIONS = [
  "1.2.0",
  "1.2.10",
  "1.2.23",
  "1.3.0",
  "1.3.10",
  "1.3.11",
  "1.3.12",
  "1.3.13",
  "1.3.14",
  "1.4.0",
  "1.4.2",
  "1.4.3",
  "1.4.5",
];
const SUITES = ["bookworm", "trixie", "sid"];
const RUNS = 5;
const FOLDER = join(TEST_DIST, "link-tables");
const OUTPUT = join(import.meta.dir, "..", "..", "docs", "link-tables.md");

async function main(run: Scope): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const versions = await versionsTable(run);
  const programs = programsTable();
  const text = `# What was tried

For anyone who wants to link a program with \`bun-static\`. You get the Buns, libraries and programs that were tried.

Made by \`npx -y bun@${Bun.version} run link:tables\` on ${new Date().toISOString().slice(0, 10)}, on x86-64 with Linux ${release()}.

## Buns and libraries

Each Bun compiled a program with bun:sqlite, a server, and a request to it. It was linked with the libraries of each
release, and ran alone in a root with /dev/urandom. "runs" means that it printed what it must.

${versions}
## Programs of others

Each was compiled by Bun ${Bun.version}, linked with this machine's libraries, and ran alone in a root with /tmp. "Same" compares output
and exit code with those of the unlinked program, which uses musl's loader and this machine's libraries. If that cannot
load the addon, the known output counts. Time is from start to exit, the median of ${RUNS} runs; memory is the largest resident set of those runs. Both are of the whole
program, most of which is not its start. Other work ran on the machine: the load average was ${loadavg()
    .map((load) => load.toFixed(0))
    .join(", ")} (1, 5, 15 minutes) on ${availableParallelism()} processors.

${programs}`;
  writeFileSync(OUTPUT, text);
  console.log(`wrote ${OUTPUT}`);
}

async function versionsTable(run: Scope): Promise<string> {
  const names = ["libstdc++6", "musl"];
  const cache = join(TEST_DIST, "..", "debian");
  const suites: { suite: string; title: string; options: readonly string[] }[] = [];
  // One after the other, because apt locks its lists.
  for (const suite of SUITES) {
    const versions: string[] = [];
    for (const name of names)
      versions.push(
        `${name} ${await packageField(run, name, "Version", { architecture: X86_64.debian, suite }, cache)}`,
      );
    suites.push({ suite, title: `${suite}: ${versions.join(", ")}`, options: await librariesOf(suite) });
  }
  const rows = VERSIONS.map((version) => {
    const compiled = compiledBy(version);
    console.log(`Bun ${version}`);
    return [version, ...suites.map(({ suite, options }) => tried(compiled, version, suite, options))];
  });
  return table(["Bun", ...suites.map(({ title }) => title)], rows);
}

function tried(compiled: string, version: string, suite: string, options: readonly string[]): string {
  const output = join(FOLDER, `hello-${version}-${suite}`);
  const linked = Bun.spawnSync([process.execPath, CLI, compiled, "-o", output, ...options]);
  if (linked.exitCode !== 0)
    return `refused: ${/nothing defines its symbol \S+_M_replace_cold\S*/.test(linked.stderr.toString()) ? "needs a newer libstdc++ (`_M_replace_cold`)" : linked.stderr.toString().trim()}`;
  const { exitCode, stdout } = runAlone(rootFor("tables", output, ["urandom"]), ["a"]);
  succeed(["rm", output], FOLDER);
  return exitCode === 0 && stdout === "hello a 2 served\n" ? "runs" : `ended with ${exitCode}`;
}

function programsTable(): string {
  const folder = installPrograms();
  return table(
    [
      "program",
      "shows",
      "same",
      "unlinked, bytes",
      "linked, bytes",
      "time unlinked / linked",
      "memory unlinked / linked",
    ],
    [{ name: "hello", shows: "sqlite, a server, a request" }, ...PROGRAMS].map((program) => {
      console.log(program.name);
      return programRow(program, folder);
    }),
  );
}

function programRow(program: Program, folder: string): string[] {
  const [unlinked, linked] = [join(FOLDER, `${program.name}-unlinked`), join(FOLDER, program.name)];
  const entry = existsSync(join(folder, `${program.name}.tsx`)) ? `${program.name}.tsx` : `${program.name}.ts`;
  const sources = [entry, ...(program.name === "comlink" ? ["comlink-worker.ts"] : [])];
  succeed(
    [process.execPath, "build", "--compile", `--target=${X86_64.bunTarget}`, ...sources, "--outfile", unlinked],
    folder,
  );
  succeed([process.execPath, CLI, unlinked, "-o", linked], folder);
  const root = rootFor("tables", linked);
  const before = measured([unlinked], program, { LD_LIBRARY_PATH: libraryFolder() });
  const after = measured(["chroot", root, "/program"], program, {});
  const same = before.outcome === after.outcome ? "yes" : before.loads ? "no" : "the unlinked one cannot load it here";
  const sizes = [unlinked, linked].map((file) => statSync(file).size.toLocaleString("en-US"));
  succeed(["rm", unlinked, linked], FOLDER);
  return [
    program.name,
    program.shows,
    same,
    ...sizes,
    `${before.time} / ${after.time}`,
    `${before.memory} / ${after.memory}`,
  ];
}

type Measured = { readonly outcome: string; readonly loads: boolean; readonly time: string; readonly memory: string };

function measured(command: readonly string[], { input }: Program, env: Readonly<Record<string, string>>): Measured {
  const runs = Array.from({ length: RUNS }, () => {
    const start = Bun.nanoseconds();
    const { exitCode, signalCode, stdout, stderr, resourceUsage } = Bun.spawnSync([...command], {
      stdin: Buffer.from(input ?? ""),
      env: { PATH: process.env.PATH ?? "", ...env },
      cwd: "/tmp",
    });
    const outcome = `${exitCode} ${signalCode ?? ""}\n${stdout}`;
    // Unlinked, Debian's C++ libraries hit a trap where musl lacks something.
    return {
      outcome,
      loads:
        signalCode === undefined &&
        !stderr.toString().includes("Error relocating") &&
        !stderr.toString().includes("ERR_DLOPEN_FAILED"),
      time: Bun.nanoseconds() - start,
      memory: resourceUsage.maxRSS,
    };
  });
  const times = runs.map(({ time }) => time).toSorted((one, other) => one - other);
  const [first] = runs;
  return {
    outcome: first?.outcome ?? "",
    loads: first?.loads ?? false,
    time: `${((times[(RUNS - 1) / 2] ?? 0) / 1e6).toFixed(0)} ms`,
    memory: `${(Math.max(...runs.map(({ memory }) => memory)) / 1e6).toFixed(0)} MB`,
  };
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |\n`).join("");
}

await command("link:tables", main);
