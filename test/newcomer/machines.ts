import { join } from "node:path";

/** Debian releases by suite, as mmdebstrap names them. */
export type Suite = "bookworm" | "trixie";

/** A machine that a newcomer may have. */
export type Newcomer = {
  readonly name: string;
  readonly suite: Suite;
  /** The uid that runs what follows the installation, which root runs everywhere. */
  readonly uid: number;
  /** How a command is run there. */
  readonly sandbox: Sandbox;
  /** Packages that this machine has besides Node.js and npm. */
  readonly packages?: readonly string[];
};

/** The words before a command: with the machine's root, by this uid, with these variables set. */
type Sandbox = (place: Place, uid: number, env: Readonly<Record<string, string>>) => readonly string[];
export type Place = { readonly root: string; readonly state: string };

/** Where the clone is in the machine. */
export const CLONE = "/home/newcomer/pause";

/** podman's own default; Docker gives root the same and these. */
const OF_DOCKER = ["audit_write", "mknod", "net_raw"];
/** What podman asks for by itself is more than each host may give. */
const ULIMITS = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=8192:8192"];

const podman =
  (...options: readonly string[]): Sandbox =>
  ({ root, state }, uid, env) => [
    ...["podman", "--root", join(state, "podman"), "--runroot", join(state, "run"), "--cgroup-manager", "cgroupfs"],
    ...["--events-backend", "none", "--runtime", "runc", "run", "--rm", "--init", "--network", "host", ...ULIMITS],
    ...["--user", `${uid}:${uid}`, "--workdir", CLONE, ...options],
    ...Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...["--rootfs", root],
  ];

/** Its own overlay keeps what is written in memory, so the root itself is given. */
const gvisor: Sandbox = ({ root, state }, uid, env) => [
  ...["runsc", "--root", join(state, "runsc"), "--platform=ptrace", "--network=host", "--ignore-cgroups"],
  ...["--overlay=false", "do", "-root", root, "-cwd", CLONE, "-force-overlay=false", "env", "-i"],
  ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
  ...(uid === 0 ? [] : ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"]),
];

/** unshare(2) and setns(2) fail with EPERM, and clone(2) with CLONE_NEWUSER. */
export const NO_NAMESPACES = {
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

export const MACHINES: readonly Newcomer[] = [
  { name: "Debian 12, root", suite: "bookworm", uid: 0, sandbox: podman("--privileged") },
  { name: "Debian 13, root", suite: "trixie", uid: 0, sandbox: podman("--privileged") },
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
    sandbox: (place, uid, env) =>
      podman("--security-opt", `seccomp=${join(place.state, "no-namespaces.json")}`)(place, uid, env),
  },
  {
    name: "Debian 12, root in a gVisor sandbox",
    suite: "bookworm",
    uid: 0,
    sandbox: gvisor,
    packages: ["qemu-system-x86"],
  },
];
