import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Limits of a control group: bytes of memory, and number of tasks. */
export type Limits = { readonly memoryBytes: number; readonly pids: number };

const ROOT = "/sys/fs/cgroup";

/**
 * Makes a control group with `limits`: one folder under cgroup v2, one for each controller under v1. Passes `use` the
 * folders whose cgroup.procs a process must enter, and a function that returns the charged bytes. Removes the folders
 * afterwards.
 */
export async function withCgroup(
  limits: Limits,
  use: (directories: readonly string[], usage: () => number) => Promise<void>,
): Promise<void> {
  const name = `pause-test-${process.pid}`;
  const files = existsSync(join(ROOT, "cgroup.controllers")) ? version2(name, limits) : version1(name, limits);
  const directories = [...new Set(files.map(([directory]) => directory))];
  try {
    for (const directory of directories) mkdirSync(directory);
    for (const [directory, file, value] of files) writeFileSync(join(directory, file), `${value}`);
    await use(directories, () => usage(directories));
  } finally {
    for (const directory of directories) await removed(directory);
  }
}

type Setting = readonly [directory: string, file: string, value: number];

function version1(name: string, { memoryBytes, pids }: Limits): Setting[] {
  return [
    [join(ROOT, "memory", name), "memory.limit_in_bytes", memoryBytes],
    [join(ROOT, "pids", name), "pids.max", pids],
  ];
}

function version2(name: string, { memoryBytes, pids }: Limits): Setting[] {
  writeFileSync(join(ROOT, "cgroup.subtree_control"), "+memory +pids");
  const directory = join(ROOT, name);
  return [
    [directory, "memory.max", memoryBytes],
    [directory, "pids.max", pids],
  ];
}

function usage(directories: readonly string[]): number {
  const files = directories.flatMap((directory) => [
    join(directory, "memory.current"),
    join(directory, "memory.usage_in_bytes"),
  ]);
  return Number(readFileSync(files.find((file) => existsSync(file)) ?? "", "latin1"));
}

/**
 * Removes a group. That takes a moment after its last process has ended.
 * @throws when it still fails after 10 s.
 */
export async function removed(directory: string): Promise<void> {
  for (let tries = 0; existsSync(directory); tries++) {
    try {
      rmdirSync(directory);
    } catch (error) {
      if (tries === 1000) throw error;
      await Bun.sleep(10);
    }
  }
}
