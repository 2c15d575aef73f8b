import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removed } from "../harness/cgroup.ts";
import { UserError } from "../src/support/error.ts";

type Controller = "pids" | "memory" | "cpuacct";

const ROOT = "/sys/fs/cgroup";

/** A controller is in one hierarchy: its own in cgroup v1, or that of v2, which some machines have beside v1. */
function hierarchyOf(controller: Controller): { folder: string; version: "v1" | "v2" } {
  for (const folder of [ROOT, join(ROOT, "unified")]) {
    const controllers = join(folder, "cgroup.controllers");
    if (existsSync(controllers) && readFileSync(controllers, "latin1").split(/\s/).includes(controller))
      return { folder, version: "v2" };
  }
  if (existsSync(join(ROOT, controller, "cgroup.procs"))) return { folder: join(ROOT, controller), version: "v1" };
  // Version 2 counts each group's CPU without a controller.
  if (controller === "cpuacct" && existsSync(join(ROOT, "cgroup.controllers"))) return { folder: ROOT, version: "v2" };
  throw new UserError(
    `cannot make a control group: the ${controller} controller is neither in ${ROOT} (cgroup v2) nor in ${join(ROOT, controller)} (v1); mount one`,
  );
}

/** The version of cgroups that charges memory here. */
export const memoryCgroupVersion = () => hierarchyOf("memory").version;

/** Makes a control group for `use`, and removes it once its last process has left it, which may take a moment. */
export async function withGroup<T>(controller: Controller, use: (group: string) => Promise<T>): Promise<T> {
  const { folder, version } = hierarchyOf(controller);
  if (version === "v2" && controller !== "cpuacct")
    writeFileSync(join(folder, "cgroup.subtree_control"), `+${controller}`);
  const group = join(folder, `pause-bench-${process.pid}`);
  mkdirSync(group);
  try {
    return await use(group);
  } finally {
    await removed(group);
  }
}

/** A group that charges memory, and one that counts CPU; the same group if both controllers are of version 2. */
export function withNodeGroups<T>(use: (memory: string, cpu: string) => Promise<T>): Promise<T> {
  const [memory, cpu] = [hierarchyOf("memory"), hierarchyOf("cpuacct")];
  if (memory.folder === cpu.folder) return withGroup("memory", (group) => use(group, group));
  return withGroup("memory", (charged) => withGroup("cpuacct", (counted) => use(charged, counted)));
}

/** The CPU time of everything that was ever in the group, ns. */
export function cpuOfGroup(group: string): number {
  const version1 = join(group, "cpuacct.usage");
  if (existsSync(version1)) return readNumber(version1);
  const [, microseconds] = /^usage_usec (\d+)$/m.exec(readFileSync(join(group, "cpu.stat"), "latin1")) ?? [];
  return Number(microseconds ?? Number.NaN) * 1000;
}

/** The memory charged to `group`, and the kernel's part of it, bytes; NaN if the kernel does not report it. */
export function charge(group: string): { total: number; kernel: number } {
  if (existsSync(join(group, "memory.usage_in_bytes"))) {
    return {
      total: readNumber(join(group, "memory.usage_in_bytes")),
      kernel: readNumber(join(group, "memory.kmem.usage_in_bytes")),
    };
  }
  const kernel = /^kernel (\d+)$/m.exec(readFileSync(join(group, "memory.stat"), "latin1"))?.[1];
  return { total: readNumber(join(group, "memory.current")), kernel: Number(kernel ?? Number.NaN) };
}

const readNumber = (file: string) => (existsSync(file) ? Number(readFileSync(file, "latin1")) : Number.NaN);
