import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Environment } from "./tools.ts";

const CGROUPS = "/sys/fs/cgroup";

/**
 * A folder with its own container storage and state, so that nothing of the machine's is seen or changed; disposing of
 * it removes it.
 */
export class Workspace implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "pause-runtimes-"));
  /** For buildah and podman. */
  readonly env: Environment = {
    CONTAINERS_STORAGE_CONF: join(this.dir, "storage.conf"),
    CONTAINERS_CONF: join(this.dir, "containers.conf"),
    BUILDAH_ISOLATION: "chroot",
    // Podman 5 prints a warning about cgroup v1 each time.
    PODMAN_IGNORE_CGROUPSV1_WARNING: "1",
  };
  /** The cgroup of all containers made here, as a path below each hierarchy. */
  readonly cgroup = `/${basename(this.dir)}`;

  private constructor() {
    // Readable by unprivileged users, because containers in user namespaces look for their root in here.
    chmodSync(this.dir, 0o755);
  }

  /** `graphRoot`: where to keep images; in here by default. */
  static async create(graphRoot?: string): Promise<Workspace> {
    const workspace = new Workspace();
    const storage = {
      driver: "overlay",
      graphroot: graphRoot ?? workspace.path("storage"),
      runroot: workspace.path("storage-run"),
    };
    await workspace.write("storage.conf", toml({ storage }));
    await workspace.write("containers.conf", "");
    return workspace;
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  folder(name: string): string {
    mkdirSync(this.path(name), { recursive: true });
    return this.path(name);
  }

  async write(name: string, text: string): Promise<string> {
    await Bun.write(this.path(name), text);
    return this.path(name);
  }

  [Symbol.dispose](): void {
    removeCgroups(...cgroupsBelow(this.cgroup), this.cgroup);
    for (const mount of mountsBelow(this.dir)) Bun.spawnSync(["umount", "--lazy", mount]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** What a failed runtime left mounted, innermost first: field 2 of each line of /proc/mounts. */
function mountsBelow(dir: string): string[] {
  const points = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  return points.filter((point) => point.startsWith(`${dir}/`)).toReversed();
}

/** A file of tables, the format of the containers tools' configuration. */
export function toml(
  tables: Readonly<Record<string, Readonly<Record<string, string | number | readonly string[]>>>>,
): string {
  const entries = (table: object) => Object.entries(table).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return Object.entries(tables)
    .flatMap(([name, table]) => [`[${name}]`, ...entries(table), ""])
    .join("\n");
}

/** What runtimes and monitors left below our cgroup, in any hierarchy, innermost first. */
function cgroupsBelow(path: string): string[] {
  const folders = ["", ...readdirSync(CGROUPS)]
    .map((hierarchy) => join(CGROUPS, hierarchy, path))
    .filter((folder) => existsSync(folder));
  const entries = folders
    .flatMap((folder) => readdirSync(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory());
  return [...new Set(entries.map(({ name }) => join(path, name)))].flatMap((child) => [...cgroupsBelow(child), child]);
}

/** Removes these cgroups from every hierarchy, in this order; those in use stay. */
export function removeCgroups(...paths: readonly string[]): void {
  const hierarchies = ["", ...readdirSync(CGROUPS)];
  for (const path of paths.filter((path) => !path.endsWith("/"))) {
    for (const hierarchy of hierarchies) removeCgroup(join(CGROUPS, hierarchy, path));
  }
}

/** A cgroup is busy while a process in it is ending. */
function removeCgroup(path: string): void {
  for (let tries = 0; tries < 50; tries++) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      const busy = error instanceof Error && "code" in error && error.code === "EBUSY";
      if (!busy) return; // not in this hierarchy
      Bun.sleepSync(20);
    }
  }
}
