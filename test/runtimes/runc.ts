import { join } from "node:path";
import { soon } from "../support/stage.ts";
import { readImage } from "./oci.ts";
import { run, start } from "./tools.ts";
import type { Workspace } from "./workspace.ts";

export const NAMESPACES = ["pid", "ipc", "network", "uts", "mount"] as const;
export type Namespace = (typeof NAMESPACES)[number];

/** What a bundle's config.json has besides what the image says; the words of the OCI runtime specification. */
export type Settings = {
  readonly args?: readonly string[];
  /** Namespaces to join, by the PID of a process in them; the others are made. */
  readonly join?: { readonly pid: number; readonly namespaces: readonly Namespace[] };
};

const MOUNTS = [
  { destination: "/proc", type: "proc", source: "proc" },
  { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
];

const PROC_NAME: Readonly<Record<Namespace, string>> = { pid: "pid", ipc: "ipc", network: "net", uts: "uts", mount: "mnt" };

/** A container under way, in the foreground of a runc that ends as the container ends. */
export type Container = { readonly pid: number; readonly ended: ReturnType<typeof start>["ended"] };

/** runc with a state of its own; every container of it is gone when disposed of. */
export class Runc implements AsyncDisposable {
  private readonly containers: { id: string; kill: () => void }[] = [];

  /** `unprivileged`: the uid and gid to run runc as; containers then run as their uid 0, in a user namespace where that is it. */
  constructor(
    private readonly workspace: Workspace,
    private readonly unprivileged?: number,
  ) {}

  /** Unpacks an image and starts it as the image and the settings say: no capability, no_new_privs, a read-only root. */
  async start(id: string, archive: string, settings: Settings = {}): Promise<Container> {
    const bundle = await this.bundle(id, archive, settings);
    const owner = this.unprivileged ?? 0;
    await run(["chown", "--recursive", `${owner}:${owner}`, bundle, this.workspace.folder("runc")]);
    const runc = start([...this.command, "run", "--bundle", bundle, id]);
    this.containers.push({ id, kill: runc.kill });
    const pid = await Promise.race([this.pid(id), runc.ended]);
    if (typeof pid !== "number") throw new Error(`runc run ${id} ended with ${pid.status}: ${pid.stderr}`);
    return { pid, ended: runc.ended };
  }

  async kill(id: string, signal: string): Promise<void> {
    await run([...this.command, "kill", id, signal]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { id, kill } of this.containers.toReversed()) {
      await start([...this.command, "delete", "--force", id]).ended;
      kill();
    }
  }

  private get mapping() {
    return [{ containerID: 0, hostID: this.unprivileged, size: 1 }];
  }

  private get command() {
    const id = this.unprivileged;
    const as = id === undefined ? [] : ["setpriv", `--reuid=${id}`, `--regid=${id}`, "--clear-groups"];
    return [...as, "runc", "--root", this.workspace.path("runc")];
  }

  private async pid(id: string): Promise<number> {
    return soon(`runc to start ${id}`, () => {
      const { stdout } = Bun.spawnSync([...this.command, "state", id], { stderr: "ignore" });
      const state: unknown = stdout.length > 0 ? JSON.parse(stdout.toString()) : {};
      if (typeof state !== "object" || state === null || !("status" in state) || state.status !== "running") return undefined;
      return "pid" in state && typeof state.pid === "number" ? state.pid : undefined;
    });
  }

  private async bundle(id: string, archive: string, { args, join: joined }: Settings): Promise<string> {
    const { config, layers } = await readImage(archive);
    const root = this.workspace.folder(`${id}/rootfs`);
    for (const { tar } of layers) await tar.extract(root);
    const [uid = 0, gid = 0] = config.user.split(":").map(Number);
    const namespaces = NAMESPACES.map((type) =>
      joined?.namespaces.includes(type) ? { type, path: `/proc/${joined.pid}/ns/${PROC_NAME[type]}` } : { type },
    );
    const rootless = { namespaces: [...namespaces, { type: "user" }], uidMappings: this.mapping, gidMappings: this.mapping };
    const spec = {
      ociVersion: "1.0.2",
      process: { args: args ?? config.entrypoint, env: config.env, cwd: "/", user: this.unprivileged === undefined ? { uid, gid } : { uid: 0, gid: 0 }, noNewPrivileges: true },
      root: { path: "rootfs", readonly: true },
      mounts: MOUNTS,
      linux: this.unprivileged === undefined ? { namespaces, cgroupsPath: join(this.workspace.cgroup, id) } : rootless,
    };
    await Bun.write(join(root, "../config.json"), JSON.stringify(spec, null, 2));
    return join(root, "..");
  }
}
