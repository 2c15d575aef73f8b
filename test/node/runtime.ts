import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Child, Scope } from "../../src/support/scope.ts";
import { Cri } from "../runtimes/cri.ts";
import { IMAGE, REPOSITORY } from "../runtimes/images.ts";
import { run as output } from "../runtimes/tools.ts";
import { toml } from "../runtimes/workspace.ts";
import { type Given, PLUGIN } from "./given.ts";

/** How to configure and start a container runtime, and how to load an archive into its store. */
type Kind = {
  readonly socket: string;
  readonly command: readonly string[];
  readonly configure: () => void;
  readonly load: (archive: string, name: string) => Promise<void>;
};

/** Nothing else runs in these namespaces, so the usual places are free. */
const LOGS = "/var/log/pause-node";
const NETWORK = "/etc/cni/net.d";
/** The image's name in the files of deploy/. */
const NAMED = "localhost/pause:0.1.0";
const RUNC_V2 = "io.containerd.runc.v2";
/** In a container, root may not lower the score by which the kernel chooses a process to kill. */
const UNPRIVILEGED = "restrict_oom_score_adj = true";
const PATIENCE_MS = 60_000;

/** A container runtime under test. */
export class Runtime {
  private daemon: Child | undefined;

  private constructor(
    private readonly scope: Scope,
    private readonly kind: Kind,
  ) {}

  static async start(scope: Scope, given: Given): Promise<Runtime> {
    mkdirSync(LOGS, { recursive: true });
    writeNetwork(given);
    const kind = given.crio === undefined ? containerd(given) : crio(given);
    kind.configure();
    const runtime = new Runtime(scope, kind);
    await runtime.start();
    return runtime;
  }

  get socket(): string {
    return this.kind.socket;
  }

  cri(): Cri {
    return new Cri(this.socket);
  }

  /** Brings the image `name` of an archive of either kind into the runtime's store. */
  load(archive: string, name: string): Promise<void> {
    return this.kind.load(archive, name);
  }

  /** Restarts the daemon, like a restart of its service. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    this.daemon?.kill("SIGTERM");
    await this.daemon?.ended;
  }

  private async start(): Promise<void> {
    // Its children must outlive it, so no group is killed with it: a separate session keeps the shims apart.
    const log = join(LOGS, `${basename(this.kind.command[0] ?? "")}.log`);
    const words = ["sh", "-c", 'exec "$@" >>"$0" 2>&1', log, ...this.kind.command];
    this.daemon = this.scope.spawn(words, { env: beside(this.kind.command[0] ?? "") });
    await answers(this.kind.socket, log);
  }
}

/** Waits until a runtime answers. @throws Error with the end of its log when it does not. */
async function answers(socket: string, log: string): Promise<void> {
  for (const limit = performance.now() + PATIENCE_MS; performance.now() < limit; await Bun.sleep(100)) {
    if (!existsSync(socket)) continue;
    using cri = new Cri(socket);
    if ((await cri.version().catch(() => "")) !== "") return;
  }
  const said = readFileSync(log, "utf8").trimEnd().split("\n").slice(-5).join("\n");
  throw new Error(`gave up after waiting ${PATIENCE_MS / 1000} s for the runtime to answer at ${socket}:\n${said}`);
}

/** A daemon first looks for its helpers in its own folder. */
const beside = (program: string) => ({ ...process.env, PATH: `${dirname(program)}:${process.env.PATH}` });

/** Gives pods their own network if there are plugins to make one. */
function writeNetwork({ cni }: Given): void {
  if (cni === undefined) return;
  const ipam = { type: "host-local", subnet: "10.88.0.0/16" };
  const plugins = [{ type: PLUGIN, ipam }];
  mkdirSync(NETWORK, { recursive: true });
  writeFileSync(join(NETWORK, "10-pods.conflist"), JSON.stringify({ cniVersion: "0.4.0", name: "pods", plugins }));
}

/** The configuration: the file of deploy/, which names the image, plus what running here needs. */
const deployed = (file: string) => readFileSync(join(REPOSITORY, "deploy", file), "utf8").replace(NAMED, IMAGE);

function containerd(given: Given): Kind {
  const { containerd: program = "" } = given;
  const socket = "/run/containerd/containerd.sock";
  const file = "/etc/containerd/config.toml";
  const { stdout } = Bun.spawnSync([program, "--version"]);
  const major = Number(/ v?(\d+)\.\d+/.exec(stdout.toString())?.[1]);
  const options = { BinaryName: given.runc ?? given.crun ?? "" };
  const cni = { bin_dir: given.cni ?? "/nonexistent", conf_dir: NETWORK };
  const configure = () => writeFileSync(file, major >= 2 ? version3(options, cni) : version2(options, cni));
  const ctr = join(dirname(program), "ctr");
  const load = async (archive: string) => {
    await output([ctr, "--address", socket, "--namespace", "k8s.io", "images", "import", archive]);
  };
  return { socket, command: [program, "--config", file], configure, load };
}

type Values = Readonly<Record<string, string>>;

function version2(options: Values, cni: Values): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  const runtime = `${cri}.containerd.runtimes.runc`;
  const tables = { [`${cri}.cni`]: cni, [runtime]: { runtime_type: RUNC_V2 }, [`${runtime}.options`]: options };
  return `${deployed("containerd/version-2.toml")}  ${UNPRIVILEGED}\n${toml(tables)}`;
}

function version3(options: Values, { bin_dir = "", conf_dir = "" }: Values): string {
  const cri = "plugins.'io.containerd.cri.v1.runtime'";
  const runtime = `${cri}.containerd.runtimes.runc`;
  const cni = { bin_dirs: [bin_dir], conf_dir };
  const tables = { [`${cri}.cni`]: cni, [runtime]: { runtime_type: RUNC_V2 }, [`${runtime}.options`]: options };
  return `${deployed("containerd/version-3.toml")}[${cri}]\n${UNPRIVILEGED}\n${toml(tables)}`;
}

function crio(given: Given): Kind {
  const { crio: program = "", conmon = "", pinns = "", runc, crun } = given;
  const socket = "/run/crio/crio.sock";
  const folder = "/etc/crio/crio.conf.d";
  const name = runc === undefined ? "crun" : "runc";
  const own = toml({
    crio: { root: "/var/lib/containers/storage", runroot: "/run/containers/storage", storage_driver: "vfs" },
    "crio.api": { listen: socket },
    "crio.runtime": { default_runtime: name, cgroup_manager: "cgroupfs", conmon_cgroup: "pod", pinns_path: pinns },
    [`crio.runtime.runtimes.${name}`]: {
      runtime_path: runc ?? crun ?? "",
      runtime_type: "oci",
      runtime_root: `/run/${name}`,
      monitor_path: conmon,
    },
    "crio.network": { network_dir: NETWORK, plugin_dirs: [given.cni ?? "/nonexistent"] },
  });
  const configure = () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "00-own.conf"), own);
    writeFileSync(join(folder, "10-pause.conf"), deployed("crio/10-pause.conf"));
  };
  const store = "containers-storage:[vfs@/var/lib/containers/storage+/run/containers/storage]";
  const load = async (archive: string, name: string) => {
    const form = archive.endsWith(".docker.tar") ? "docker-archive" : "oci-archive";
    await output(["skopeo", "--insecure-policy", "copy", `${form}:${archive}`, `${store}${name}`]);
  };
  return { socket, command: [program, "--config", "", "--config-dir", folder], configure, load };
}
