import { soon } from "../../harness/stage.ts";
import { type Environment, run, start } from "./tools.ts";
import { Workspace } from "./workspace.ts";

/** Where a dockerd keeps images: in its own graph drivers, or in its containerd. */
export type Store = "classic" | "containerd";

/** The stores of this machine's dockerd; containerd's is available since 24. */
export function stores(): readonly Store[] {
  if (Bun.which("dockerd") === null) return ["classic"];
  const version = /version (\d+)\./.exec(Bun.spawnSync(["dockerd", "--version"]).stdout.toString())?.[1];
  return Number(version) >= 24 ? ["classic", "containerd"] : ["classic"];
}

/**
 * A dockerd with its own socket, state and containerd, which touches no bridge and no firewall. Disposing of it ends it
 * and all its containers.
 */
export class Docker implements AsyncDisposable {
  private constructor(
    readonly workspace: Workspace,
    private readonly daemon: ReturnType<typeof start>,
  ) {}

  static async create(store: Store): Promise<Docker> {
    const workspace = await Workspace.create();
    const own = {
      hosts: [`unix://${workspace.path("docker.sock")}`],
      "data-root": workspace.path("docker"),
      "exec-root": workspace.path("docker-state"),
      pidfile: workspace.path("docker.pid"),
      "cgroup-parent": workspace.cgroup,
      // Leaves the machine's network alone.
      ...{ iptables: false, ip6tables: false, bridge: "none" },
      // In the containerd store, the driver is a snapshotter.
      "storage-driver": store === "classic" ? "vfs" : "native",
      ...(store === "containerd" && { features: { "containerd-snapshotter": true } }),
    };
    const config = await workspace.write("docker.json", JSON.stringify(own));
    const docker = new Docker(workspace, start(["dockerd", "--config-file", config]));
    await soon("dockerd to answer", () =>
      Bun.spawnSync(docker.command("version"), { stdout: "ignore", stderr: "ignore" }).success ? true : undefined,
    );
    return docker;
  }

  run(...args: readonly string[]): Promise<string> {
    return run(this.command(...args));
  }

  /** Runs a docker command that may fail. Returns both its outputs. */
  try(...args: readonly string[]) {
    return start(this.command(...args)).ended;
  }

  /** The same with another docker command than the first on PATH, and with its own variables. */
  with(cli: string, env: Environment, ...args: readonly string[]) {
    return start([cli, ...this.command(...args).slice(1)], env).ended;
  }

  inspect(container: string, format: string): Promise<string> {
    return this.run("inspect", "--format", format, container);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stdout } = await this.try("ps", "--all", "--quiet");
    const containers = stdout.split("\n").filter((id) => id !== "");
    if (containers.length > 0) await this.try("rm", "--force", ...containers);
    // dockerd ends its containerd itself.
    process.kill(this.daemon.pid, "SIGTERM");
    await this.daemon.ended;
    this.workspace[Symbol.dispose]();
  }

  private command(...args: readonly string[]): string[] {
    return ["docker", "--host", `unix://${this.workspace.path("docker.sock")}`, ...args];
  }
}
