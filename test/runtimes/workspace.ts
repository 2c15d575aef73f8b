import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Environment } from "./tools.ts";

const CGROUPS = "/sys/fs/cgroup";

/** A folder with container storage and state of its own, so that nothing of the machine's is seen or changed; gone when disposed of. */
export class Workspace implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "pause-runtimes-"));
  /** For buildah and podman. */
  readonly env: Environment = {
    CONTAINERS_STORAGE_CONF: join(this.dir, "storage.conf"),
    CONTAINERS_CONF: join(this.dir, "containers.conf"),
    BUILDAH_ISOLATION: "chroot",
  };
  /** The cgroup for all containers made here, as a path below each hierarchy. */
  readonly cgroup = `/${basename(this.dir)}`;

  private constructor() {
    // Readable by the unprivileged: containers in user namespaces look for their root in here.
    chmodSync(this.dir, 0o755);
  }

  /** `graphRoot`: where images are kept, by default in here. */
  static async create(graphRoot?: string): Promise<Workspace> {
    const workspace = new Workspace();
    const storage = { driver: "overlay", graphroot: graphRoot ?? workspace.path("storage"), runroot: workspace.path("storage-run") };
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
    for (const cgroup of [join(CGROUPS, this.cgroup), ...readdirSync(CGROUPS).map((name) => join(CGROUPS, name, this.cgroup))]) removeCgroup(cgroup);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A file of tables, as the containers tools' configuration is. */
export function toml(tables: Readonly<Record<string, Readonly<Record<string, string | number | readonly string[]>>>>): string {
  const entries = (table: object) => Object.entries(table).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return Object.entries(tables)
    .flatMap(([name, table]) => [`[${name}]`, ...entries(table), ""])
    .join("\n");
}

/** A cgroup goes when those below it are gone. */
function removeCgroup(path: string): void {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) removeCgroup(join(path, entry.name));
    rmdirSync(path);
  } catch {
    // Not there, or not empty yet: then it holds a process that a failed test left, which is to be seen.
  }
}
