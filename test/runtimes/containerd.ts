import { readFileSync } from "node:fs";
import { join } from "node:path";
import { soon } from "../../harness/stage.ts";
import { Cri } from "./cri.ts";
import { IMAGE, REPOSITORY } from "./images.ts";
import { run, start } from "./tools.ts";
import { Workspace } from "./workspace.ts";

/** The namespace of the kubelet's images and containers in containerd. */
const NAMESPACE = "k8s.io";

/** The files of deploy/ for both versions of the configuration, with the image under test. */
const [FOR_2 = "", FOR_3 = ""] = [2, 3].map((version) =>
  readFileSync(deployed(version), "utf8").replace("localhost/pause:0.1.0", IMAGE),
);

/** The same, plus what running beside another containerd needs. */
const VERSION_2 = `
${FOR_2}
  restrict_oom_score_adj = true
  disable_tcp_service = true
`;
const VERSION_3 = `
${FOR_3}
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.grpc.v1.cri']
disable_tcp_service = true
`;

function configuration(workspace: Workspace): string {
  const own = (name: string) => JSON.stringify(workspace.path(name));
  return `root = ${own("containerd")}
state = ${own("containerd-state")}
${VERSION >= 2 ? VERSION_3 : VERSION_2}
[grpc]
address = ${own("containerd.sock")}
`;
}

/** The file of deploy/ that names the image in this version of containerd's configuration. */
export function deployed(version: number): string {
  return join(REPOSITORY, `deploy/containerd/version-${version}.toml`);
}

/** This machine's containerd, such as 1.6; 0 if there is none. 1.x has no version 3 of the configuration. */
export const VERSION = Bun.which("containerd") === null ? 0 : versionOf(Bun.spawnSync(["containerd", "--version"]));

function versionOf({ stdout }: { readonly stdout: Buffer }): number {
  return Number(/ v?(\d+\.\d+)/.exec(stdout.toString())?.[1] ?? 0);
}

/** containerd's own reading of a configuration file with all its imports; its message if it refuses the file. */
export async function configured(path: string): Promise<string> {
  const { stdout, stderr } = await start(["containerd", "--config", path, "config", "dump"]).ended;
  return stdout + stderr;
}

export type Container = { readonly ended: ReturnType<typeof start>["ended"] };

/**
 * A containerd with its own root, state and socket, and our image as its pods' sandbox image. Disposing of it ends it
 * and all its containers.
 */
export class Containerd implements AsyncDisposable {
  private readonly daemon: ReturnType<typeof start>;
  private readonly containers: { id: string; kill: () => void; running: () => boolean }[] = [];

  private constructor(
    readonly workspace: Workspace,
    config: string,
  ) {
    this.daemon = start(["containerd", "--config", config]);
  }

  static async create(): Promise<Containerd> {
    const workspace = await Workspace.create();
    const config = await workspace.write("containerd.toml", configuration(workspace));
    const containerd = new Containerd(workspace, config);
    await soon("containerd to answer", () =>
      Bun.spawnSync(containerd.command("version"), { stdout: "ignore", stderr: "ignore" }).success ? true : undefined,
    );
    return containerd;
  }

  /** Starts a container of an image under a foreground `ctr run`, which exits with the container's status. */
  start(id: string, image: string): Container {
    const container = start(
      this.command("run", "--rm", "--null-io", "--cgroup", join(this.workspace.cgroup, id), image, id),
    );
    this.containers.push({ id, kill: container.kill, running: container.running });
    return container;
  }

  /** The PID of each running container's process. */
  async tasks(): Promise<ReadonlyMap<string, number>> {
    const [, ...lines] = (await this.ctr("task", "list")).split("\n");
    const tasks = lines.map((line) => line.split(/\s+/)).filter(([, , state]) => state === "RUNNING");
    return new Map(tasks.map(([id = "", pid]) => [id, Number(pid)]));
  }

  /** The same, after waiting until as many run as were started. */
  async running(): Promise<ReadonlyMap<string, number>> {
    for (let tries = 0; tries < 400; tries++) {
      const tasks = await this.tasks();
      if (tasks.size === this.containers.length) return tasks;
      await Bun.sleep(50);
    }
    throw new Error(`not all of ${this.containers.length} containers are running:\n${await this.ctr("task", "list")}`);
  }

  cri(): Cri {
    return new Cri(this.workspace.path("containerd.sock"));
  }

  ctr(...args: readonly string[]): Promise<string> {
    return run(this.command(...args));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { id, kill, running } of this.containers) {
      if (!running()) continue;
      await start(this.command("task", "delete", "--force", id)).ended;
      await start(this.command("container", "delete", id)).ended;
      kill();
    }
    this.daemon.kill();
    await this.daemon.ended;
    this.workspace[Symbol.dispose]();
  }

  command(...args: readonly string[]): string[] {
    return ["ctr", "--address", this.workspace.path("containerd.sock"), "--namespace", NAMESPACE, ...args];
  }
}
