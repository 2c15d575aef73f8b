import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Architecture } from "../src/arch/architecture.ts";
import { bunBuild } from "../src/build/compile.ts";
import { fetchLibraries } from "../src/build/debian/library-packages.ts";
import { fetchPackage } from "../src/build/debian/packages.ts";
import type { Machine } from "../src/build/machine/boot.ts";
import { DEBIAN_CACHE } from "../src/build/machine/debian.ts";
import type { NewcEntry } from "../src/build/machine/newc.ts";
import { runInMachine } from "../src/build/machine/run.ts";
import { fetchRuntime } from "../src/build/runtime.ts";
import { writeExecutable } from "../src/link/file.ts";
import { link } from "../src/link/link.ts";
import { sha256 } from "../src/support/hash.ts";
import type { Scope } from "../src/support/scope.ts";
import { ARM64_PAUSE, type Artifact } from "./artifacts.ts";
import { compileFor, TEST_DIST } from "./compile.ts";
import { GUEST_VARIABLE } from "./place.ts";
import { REFERENCE_PROGRAM } from "./reference.ts";
import { DRILL_PROGRAM, STAGE_PROGRAM } from "./stage.ts";

const PROJECT = join(import.meta.dir, "..");
/** Debian's kernel for AArch64 with pages of 16 kB: in Debian 13, and in what Debian 12 takes from it. */
export const KERNEL_OF_16_KB = { name: "linux-image-arm64-16k", suite: "trixie" };
/** strace and its libraries: files of packages. */
const STRACE = { strace: ["usr/bin/strace"], libc6: ["lib/**/ld-linux-*.so.1", "lib/**/libc.so.6"] };

/** Takes the test files as arguments. Also prints the page size and the stack's address, which no test shows. */
const SCRIPT =
  'grep -m 1 KernelPageSize /proc/self/smaps; grep -F "[stack]" /proc/self/maps; ' +
  "mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir -p /dev/pts && mount -t devpts devpts /dev/pts && " +
  'cd /project && exec bun test "$@"';

/**
 * What a run in a machine showed: the kernel's page size, the bits of its addresses, how many tests passed, the names
 * of those that failed, and the whole output of bun test.
 */
export type Seen = {
  readonly pageSize: string;
  readonly addressBits: number;
  readonly passed: number;
  readonly failed: readonly string[];
  readonly output: string;
};

/** The heading of a table of runs on machines of `architecture`: the day, the emulator, and the arm64 file. */
export function seenOn({ emulator }: Architecture): string {
  const [version] = Bun.spawnSync([emulator.program, "--version"]).stdout.toString().split("\n");
  const today = new Date().toISOString().slice(0, 10);
  return `On ${today}, with ${version}; \`dist/arm64/pause\`, SHA-256 ${sha256(readFileSync(ARM64_PAUSE))}`;
}

/** A file to test in a machine as an artifact. */
export type Guest = { readonly artifact: Artifact; readonly file: string };

/** The contract's tests, of test/contract. */
const TESTS = ["upstream.test.ts", "conditions.test.ts", "promises.test.ts"];

/**
 * Runs the contract's tests with `bun test` in `machine`, on the C reference and on `guests`. The machine gets a linked
 * Bun, and cross-compiled test programs and reference.
 * @throws Error with the whole output of bun test when no test ran; UserError, or Error when a cross compiler is
 * missing.
 */
export async function contractIn(run: Scope, machine: Machine, guests: readonly Guest[]): Promise<Seen> {
  const { architecture } = machine;
  const programs = [STAGE_PROGRAM, DRILL_PROGRAM, REFERENCE_PROGRAM];
  const { status, output } = await runInMachine(run, machine, {
    files: [
      ...(await bunAndSources(run, architecture, ["test/contract/*.ts"])),
      ...(await straceFiles(run, architecture)),
      ...programs.map((program) => ({
        path: inProject(join(TEST_DIST, program.name)),
        file: compileFor(architecture, program),
      })),
      ...guests.map(({ artifact, file }) => ({ path: inProject(artifact.path), file })),
    ],
    command: ["sh", "-c", SCRIPT, "sh", ...TESTS.map((file) => `./test/contract/${file}`)],
    environment: [
      ...ENVIRONMENT,
      "CI=true",
      `${GUEST_VARIABLE}=${guests.map(({ artifact }) => artifact.name).join("\n")}`,
    ],
  });
  const passed = Number(/^ *(\d+) pass$/m.exec(output)?.[1] ?? 0);
  // bun test lists the failures again at its end.
  const failed = [
    ...new Set([...output.matchAll(/^\(fail\) (.*?)(?: \[[\d.]+m?s\])?$/gm)].map(([, name = ""]) => name)),
  ];
  if (passed === 0 || (status === 0) !== (failed.length === 0))
    throw new Error(`bun test ended with ${status} in the machine:\n${output}`);
  const pageSize = /^KernelPageSize: +(.*)$/m.exec(output)?.[1] ?? "unknown";
  // The stack lies at the end of a process's addresses.
  const stackEnd = /^\w+-(\w+) .*\[stack\]$/m.exec(output)?.[1] ?? "";
  return { pageSize, addressBits: Number.parseInt(stackEnd, 16).toString(2).length, passed, failed, output };
}

/** The environment of a command that Bun runs in /project. */
export const ENVIRONMENT = ["PATH=/bin:/usr/bin", "HOME=/tmp", "BUN_BE_BUN=1"];

/** The place of one of the project's files in the machine. */
export const inProject = (path: string): string => join("project", relative(PROJECT, path));

/** Bun as bin/bun, and in /project the sources of the build and of the harness, plus what `patterns` match. */
export async function bunAndSources(
  run: Scope,
  architecture: Architecture,
  patterns: readonly string[],
): Promise<NewcEntry[]> {
  const sources = ["src/**/*.ts", "harness/*.ts", "package.json", "bunfig.toml", ...patterns].flatMap((pattern) => [
    ...new Bun.Glob(pattern).scanSync(PROJECT),
  ]);
  return [
    { path: "bin/bun", file: await linkedBun(run, architecture) },
    ...sources.map((path) => ({ path: join("project", path), file: join(PROJECT, path) })),
  ];
}

const linked = new Map<Architecture, Promise<string>>();

/**
 * Bun itself, as one file: any compiled program becomes Bun when BUN_BE_BUN is set. Linked once for all machines of a
 * run.
 */
function linkedBun(run: Scope, architecture: Architecture): Promise<string> {
  const made = linked.get(architecture) ?? linkBun(run, architecture);
  linked.set(architecture, made);
  return made;
}

async function linkBun(run: Scope, architecture: Architecture): Promise<string> {
  const folder = join(TEST_DIST, architecture.debian);
  const compiled = join(folder, "bun-dynamic");
  const path = join(folder, "bun");
  const { path: runtime } = await fetchRuntime(run, architecture, join(PROJECT, "dist", "runtime"));
  const place = join(import.meta.dir, "place.ts");
  await bunBuild(run, architecture, [place], compiled, ["--compile-executable-path", runtime]);
  const dirs = await fetchLibraries(run, architecture, DEBIAN_CACHE);
  writeExecutable(path, link(compiled, readFileSync(compiled), () => dirs, { addons: false }).bytes);
  return path;
}

async function straceFiles(run: Scope, { debian }: Architecture): Promise<NewcEntry[]> {
  const files: NewcEntry[] = [];
  for (const [name, patterns] of Object.entries(STRACE)) {
    const folder = await fetchPackage(run, name, { architecture: debian }, DEBIAN_CACHE);
    for (const pattern of patterns) {
      for (const path of new Bun.Glob(pattern).scanSync({ cwd: folder, onlyFiles: false }))
        files.push({ path, file: join(folder, path) });
    }
  }
  return files;
}
