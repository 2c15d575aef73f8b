import { join } from "node:path";
import { soon } from "../../harness/stage.ts";
import { seeingCgroup2Alone, WITHOUT_CONTROLLERS } from "./cgroup2.ts";
import { unpack } from "./oci.ts";
import { run, start } from "./tools.ts";
import type { Workspace } from "./workspace.ts";

const NAMESPACES = ["pid", "ipc", "network", "uts", "mount"] as const;
export type Namespace = (typeof NAMESPACES)[number];

/** Additions to a bundle's config.json beyond the image's, in the words of the OCI runtime specification. */
export type Settings = {
  readonly args?: readonly string[];
  /** Namespaces to join, by the PID of a process in them. The runtime makes the others. */
  readonly join?: { readonly pid: number; readonly namespaces: readonly Namespace[] };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly seccomp?: unknown;
  /** A command that runs the runtime. */
  readonly under?: readonly string[];
};

const MOUNTS = [
  { destination: "/proc", type: "proc", source: "proc" },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
];

/** No capability in any set; a runtime may use sets that not every runtime has. */
const CAPABILITIES = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };

const PROC_NAME: Readonly<Record<Namespace, string>> = {
  pid: "pid",
  ipc: "ipc",
  network: "net",
  uts: "uts",
  mount: "mnt",
};

/** A program with runc's command line. */
export type Kind = {
  readonly name: string;
  /** The programs that it needs. */
  readonly tools: readonly string[];
  /** The command, to be followed by its own options. */
  readonly command: readonly string[];
  /** Does a container join its sandbox's namespace by not naming it? Other runtimes need its path in /proc. */
  readonly sharesUnnamed?: boolean;
};

export const RUNC: Kind = { name: "runc", tools: ["runc"], command: ["runc"] };

export const CRUN: Kind = {
  name: `crun${WITHOUT_CONTROLLERS}`,
  tools: ["crun", "unshare"],
  command: seeingCgroup2Alone(["crun"]),
};

/** gVisor. Its sandbox has its own kernel, so it does not use this machine's cgroups and network. */
export const RUNSC: Kind = {
  name: "gVisor (ptrace platform)",
  tools: ["runsc"],
  command: ["runsc", "--platform", "ptrace", "--network", "none", "--ignore-cgroups", "--oci-seccomp"],
  sharesUnnamed: true,
};

/** Stands for the PID when a runtime has ended before its container ran. */
const ENDED = 0;

/** A running container, under a runtime in the foreground that ends with it. */
export type Container = { readonly pid: number; readonly ended: ReturnType<typeof start>["ended"] };

/** A runtime with its own state. Disposing of it ends every container. */
export class OciRuntime implements AsyncDisposable {
  private readonly containers: { id: string; kill: () => void }[] = [];

  /**
   * `unprivileged`: the uid and gid to run it as. Containers then run as their uid 0, which a user namespace maps to
   * it.
   */
  constructor(
    private readonly kind: Kind,
    private readonly workspace: Workspace,
    private readonly unprivileged?: number,
  ) {}

  /**
   * Unpacks an image and starts it as the image and the settings say: no capability, no_new_privs, a read-only root.
   */
  async start(id: string, archive: string, settings: Settings = {}): Promise<Container> {
    const command = [...(settings.under ?? []), ...(await this.prepare(id, archive, settings))];
    const runtime = start(command);
    this.containers.push({ id, kill: runtime.kill });
    const pid = await soon(`${this.kind.name} to start ${id}`, () => (runtime.running() ? this.runningPid(id) : ENDED));
    if (pid === ENDED) {
      const { status, stderr } = await runtime.ended;
      throw new Error(`${command.join(" ")} ended with ${status}: ${stderr}`);
    }
    return { pid, ended: runtime.ended };
  }

  /** Unpacks an image like `start`. Returns the command that would start it. */
  async prepare(id: string, archive: string, settings: Settings = {}): Promise<readonly string[]> {
    const bundle = await this.bundle(id, archive, settings);
    const owner = this.unprivileged ?? 0;
    await run(["chown", "--recursive", `${owner}:${owner}`, bundle, this.workspace.folder("state")]);
    return [...this.command, "run", "--bundle", bundle, id];
  }

  async kill(id: string, signal: string): Promise<void> {
    await run([...this.command, "kill", id, signal]);
  }

  /** The output of a command run in a container. */
  exec(id: string, ...command: readonly string[]): Promise<string> {
    return run([...this.command, "exec", id, ...command]);
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
    return [...as, ...this.kind.command, "--root", this.workspace.path("state")];
  }

  private runningPid(id: string): number | undefined {
    const { stdout } = Bun.spawnSync([...this.command, "state", id], { stderr: "ignore" });
    const state: unknown = stdout.length > 0 ? JSON.parse(stdout.toString()) : {};
    if (typeof state !== "object" || state === null || !("status" in state) || state.status !== "running")
      return undefined;
    return "pid" in state && typeof state.pid === "number" ? state.pid : undefined;
  }

  private async bundle(
    id: string,
    archive: string,
    { args, join: joined, annotations, seccomp }: Settings,
  ): Promise<string> {
    const root = this.workspace.folder(`${id}/rootfs`);
    const { user, entrypoint, env } = await unpack(archive, root);
    const [uid = 0, gid = 0] = user.split(":").map(Number);
    const namespaces = NAMESPACES.flatMap((type) => {
      if (!joined?.namespaces.includes(type)) return { type };
      return this.kind.sharesUnnamed === true ? [] : { type, path: `/proc/${joined.pid}/ns/${PROC_NAME[type]}` };
    });
    const rootless = {
      namespaces: [...namespaces, { type: "user" }],
      uidMappings: this.mapping,
      gidMappings: this.mapping,
    };
    const spec = {
      ociVersion: "1.0.2",
      process: {
        ...{ args: args ?? entrypoint, env, cwd: "/" },
        user: this.unprivileged === undefined ? { uid, gid } : { uid: 0, gid: 0 },
        capabilities: CAPABILITIES,
        noNewPrivileges: true,
      },
      root: { path: "rootfs", readonly: true },
      mounts: MOUNTS,
      annotations,
      linux: {
        ...(this.unprivileged === undefined ? { namespaces, cgroupsPath: join(this.workspace.cgroup, id) } : rootless),
        seccomp,
      },
    };
    await Bun.write(join(root, "../config.json"), JSON.stringify(spec, null, 2));
    return join(root, "..");
  }
}
