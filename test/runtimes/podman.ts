import { IMAGE } from "./images.ts";
import { run, start } from "./tools.ts";
import { removeCgroups, toml, Workspace } from "./workspace.ts";

/**
 * RLIMIT_NPROC and RLIMIT_NOFILE of the containers: podman's own defaults are more than an unprivileged host may give.
 */
const ULIMITS = ["nofile=1024:1024", "nproc=1024:1024"];

/** podman with its own storage and state, with runc, and with our image as its pods' infra image. */
export class Podman implements AsyncDisposable {
  private constructor(readonly workspace: Workspace) {}

  static async create(): Promise<Podman> {
    const workspace = await Workspace.create();
    const engine = {
      runtime: "runc",
      cgroup_manager: "cgroupfs",
      events_logger: "file",
      infra_image: IMAGE,
      tmp_dir: workspace.folder("libpod"),
    };
    await workspace.write("containers.conf", toml({ containers: { default_ulimits: ULIMITS }, engine }));
    return new Podman(workspace);
  }

  run(...args: readonly string[]): Promise<string> {
    return run(["podman", ...args], this.workspace.env);
  }

  async load(archive: string): Promise<void> {
    await this.run("load", "--quiet", "--input", archive);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pods = await this.run("pod", "ps", "--quiet", "--no-trunc");
    await start(["podman", "pod", "rm", "--all", "--force", "--time", "0"], this.workspace.env).ended;
    await start(["podman", "rm", "--all", "--force", "--time", "0"], this.workspace.env).ended;
    // podman leaves its cgroups for pods and for its monitors; those in use stay.
    removeCgroups(...pods.split("\n").map((id) => `libpod_parent/${id}`), "libpod_parent/conmon", "libpod_parent");
    this.workspace[Symbol.dispose]();
  }
}
