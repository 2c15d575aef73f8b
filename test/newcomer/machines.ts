import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Debian releases by suite, as mmdebstrap names them. */
export type Suite = "bookworm" | "trixie";

/** A machine that a newcomer may have. */
export type Newcomer = {
  readonly name: string;
  readonly suite: Suite;
  /** The uid that runs what follows the installation; root installs everywhere. */
  readonly uid: number;
  /** How to run a command there. */
  readonly sandbox: Sandbox;
  /** The machine's packages besides Node.js and npm. */
  readonly packages?: readonly string[];
};

/**
 * The command that runs `command` there: with the machine's root, as this uid, with these variables set. It may write
 * into the place's state.
 */
export type Sandbox = (place: Place, task: Task) => readonly string[];
export type Task = {
  readonly uid: number;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
};
export type Place = { readonly root: string; readonly state: string };

/** The clone's place in the machine. */
export const CLONE = "/home/newcomer/pause";

/** The capabilities that podman leaves to root in a container. */
const OF_PODMAN = [
  ...["chown", "dac_override", "fowner", "fsetid", "kill", "net_bind_service", "setfcap", "setgid", "setpcap"],
  ...["setuid", "sys_chroot"],
];
/** The capabilities that Docker leaves besides. */
const OF_DOCKER = ["audit_write", "mknod", "net_raw"];
/** podman's own default limits are more than some hosts may give. */
const ULIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=8192:8192"];

const podman =
  (...options: readonly string[]): Sandbox =>
  ({ root, state }, { uid, env, command }) => [
    ...["podman", "--root", join(state, "podman"), "--runroot", join(state, "run"), "--cgroup-manager", "cgroupfs"],
    ...["--events-backend", "none", "--runtime", "runc", "run", "--rm", "--init", "--network", "host", ...ULIMITS],
    ...["--user", `${uid}:${uid}`, "--workdir", CLONE, ...options],
    ...Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...["--rootfs", root, ...command],
  ];

/** With the host's network, and ptrace(2) as its platform: no virtualisation needed. Everything there runs as root. */
const gvisor: Sandbox = ({ root, state }, { env, command }) => {
  const bundle = join(state, "bundle");
  mkdirSync(bundle, { recursive: true });
  const capabilities = [...OF_PODMAN, ...OF_DOCKER, "sys_admin", "sys_ptrace"].map(
    (name) => `CAP_${name.toUpperCase()}`,
  );
  const config = {
    ociVersion: "1.0.0",
    root: { path: root },
    process: {
      cwd: CLONE,
      args: command,
      user: { uid: 0, gid: 0 },
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/sys", type: "sysfs", source: "sysfs" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
    ],
    linux: { namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })) },
  };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  return [
    ...["runsc", "--root", join(state, "runsc"), "--platform=ptrace", "--network=host", "--ignore-cgroups"],
    ...["run", "--bundle", bundle, `newcomer-${process.pid}`],
  ];
};

/** Makes unshare(2) and setns(2) fail with EPERM, and clone(2) with CLONE_NEWUSER. */
const NO_NAMESPACES = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [
    { names: ["unshare", "setns"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
    {
      names: ["clone"],
      action: "SCMP_ACT_ERRNO",
      errnoRet: 1,
      args: [{ index: 0, value: 0x10000000, valueTwo: 0x10000000, op: "SCMP_CMP_MASKED_EQ" }],
    },
  ],
};

const container = podman(...OF_DOCKER.flatMap((name) => ["--cap-add", name]));
const USER = 1000;

/** Root in the machine's root without any sandbox; installs packages. */
export const ADMINISTRATOR: Sandbox = podman("--privileged");

export const MACHINES: readonly Newcomer[] = [
  { name: "Debian 12, root", suite: "bookworm", uid: 0, sandbox: ADMINISTRATOR },
  { name: "Debian 13, root", suite: "trixie", uid: 0, sandbox: ADMINISTRATOR },
  { name: "Debian 12, root in an ordinary container", suite: "bookworm", uid: 0, sandbox: container },
  {
    name: "Debian 12, an ordinary user with user namespaces",
    suite: "bookworm",
    uid: USER,
    sandbox: podman("--security-opt", "seccomp=unconfined"),
  },
  {
    name: "Debian 12, an ordinary user without",
    suite: "bookworm",
    uid: USER,
    sandbox: (place, task) => {
      const profile = join(place.state, "no-namespaces.json");
      writeFileSync(profile, JSON.stringify(NO_NAMESPACES));
      return podman("--security-opt", `seccomp=${profile}`)(place, task);
    },
  },
  {
    name: "Debian 12, root in a gVisor sandbox",
    suite: "bookworm",
    uid: 0,
    sandbox: gvisor,
    packages: ["qemu-system-x86"],
  },
];
