import { test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Something that a test needs of the machine. */
export type Need = {
  /** Its name and origin, for the reader: a program and its package, a capability, a namespace. */
  readonly name: string;
  /** Is it here? Checked once. */
  readonly present: () => boolean;
  /**
   * Does every system have it, or the README's second command install it? Tests that need more are `bun run
   * test:all`'s.
   */
  readonly ordinary: boolean;
  /** Debian's packages that provide it, if any. */
  readonly packages: readonly string[];
};

const PROJECT = join(import.meta.dir, "..");
const CI = process.env.CI === "true";

/**
 * Which tests run under CI: those that need only what is ordinary, or the others, whose names end with REST_MARK; all
 * if the variable is not set. test/run.ts sets it.
 */
export const SHARE_VARIABLE = "PAUSE_TEST_SHARE";
export type Share = "ordinary" | "rest";
export const REST_MARK = " [all]";
const share = CI ? process.env[SHARE_VARIABLE] : undefined;

/** Debian's package of a program whose name differs. */
const PACKAGES: Readonly<Record<string, string>> = {
  "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
  "aarch64-linux-gnu-objdump": "binutils-aarch64-linux-gnu",
  bsdtar: "libarchive-tools",
  bwrap: "bubblewrap",
  busybox: "busybox-static",
  clamscan: "clamav",
  ctr: "containerd",
  docker: "docker.io",
  dockerd: "docker.io",
  "eu-strip": "elfutils",
  gcc: "gcc libc6-dev",
  ip: "iproute2",
  "lxc-start": "lxc",
  man: "man-db",
  newuidmap: "uidmap",
  objcopy: "binutils",
  objdump: "binutils",
  "qemu-aarch64-static": "qemu-user-static",
  "qemu-system-aarch64": "qemu-system-arm",
  "qemu-system-x86_64": "qemu-system-x86",
  readelf: "binutils",
  strip: "binutils",
  "systemd-nspawn": "systemd-container",
  "x86_64-linux-gnu-objdump": "binutils",
};

/** The packages that the README's second command installs; the file of the runner lies beside that page. */
const [, ordinaryPackages = ""] =
  /```sh.*?```.*?```sh\n.*?apt-get install -y --no-install-recommends ([^&]*)&&.*?```/s.exec(readme()) ?? [];
const ORDINARY = new Set(ordinaryPackages.trim().split(" "));

/** An emulated machine does not have the page, and runs every test. */
function readme(): string {
  const path = join(PROJECT, "README.md");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

function once(find: () => boolean): () => boolean {
  let found: boolean | undefined;
  return () => (found ??= find());
}

/** Does this command exit with 0? */
const succeeds = (...command: readonly string[]) =>
  Bun.which(command[0] ?? "") !== null &&
  Bun.spawnSync([...command], { stdio: ["ignore", "ignore", "ignore"] }).success;

/** Debian's packages of a program. */
export const packagesOf = (name: string): string => PACKAGES[name] ?? name;

/** A program on PATH. Every Debian has util-linux and coreutils. */
export function program(name: string): Need {
  const packages = packagesOf(name);
  const called = packages === name ? name : `${name}: apt-get install ${packages}`;
  return {
    name: called,
    present: () => Bun.which(name) !== null,
    packages: ESSENTIAL.has(name) ? [] : packages.split(" "),
    ordinary: ORDINARY.size === 0 || packages.split(" ").every((each) => ORDINARY.has(each)) || ESSENTIAL.has(name),
  };
}
const ESSENTIAL = new Set(["bash", "chroot", "install", "nsenter", "setpriv", "sh", "tar", "unshare"]);

/** Checks /sys/fs/cgroup, with one hierarchy or one for each controller. */
function makesCgroups(): boolean {
  const folders = existsSync("/sys/fs/cgroup/cgroup.controllers")
    ? ["/sys/fs/cgroup"]
    : ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"];
  return folders.every((folder) =>
    succeeds("sh", "-c", 'mkdir "$1" && rmdir "$1"', "sh", join(folder, `pause-need-${process.pid}`)),
  );
}

/** Leaves a process that ends to PID 1, or to its replacement, and checks that it disappears. */
function reapsOrphans(): boolean {
  const { stdout } = Bun.spawnSync(["sh", "-c", "(sleep 0.1 >/dev/null 2>&1 & echo $!)"]);
  const path = `/proc/${stdout.toString().trim()}`;
  for (let tries = 0; existsSync(path) && tries < 40; tries++) Bun.sleepSync(50);
  return !existsSync(path);
}

/** Needs that are not programs. */
export const NEEDS = {
  root: { name: "root", present: once(() => process.getuid?.() === 0), ordinary: true, packages: [] },
  namespaces: {
    name: "root with CAP_SYS_ADMIN, which makes namespaces and mounts",
    present: once(
      () =>
        process.getuid?.() === 0 &&
        succeeds("unshare", "--pid", "--ipc", "--net", "--mount", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"),
    ),
    ordinary: true,
    packages: [],
  },
  userNamespace: {
    name: "a user namespace, which an ordinary user may make",
    present: once(() => succeeds("unshare", "--user", "--map-root-user", "true")),
    ordinary: true,
    packages: [],
  },
  refusableUserNamespace: {
    name: "a user namespace with a /proc/sys that its root may write, which containers mask",
    present: once(() =>
      succeeds(...["unshare", "--user", "--map-root-user", "sh", "-c"], "echo 0 >/proc/sys/user/max_user_namespaces"),
    ),
    ordinary: true,
    packages: [],
  },
  cgroup: {
    name: "a control group of its own below /sys/fs/cgroup",
    present: once(makesCgroups),
    ordinary: true,
    packages: [],
  },
  /** gVisor has neither. */
  accounts: {
    name: "schedstat and syscall in /proc, as Linux has them",
    present: once(() => ["schedstat", "syscall"].every((name) => existsSync(`/proc/${process.pid}/${name}`))),
    ordinary: true,
    packages: [],
  },
  reaper: {
    name: "a PID 1 that reaps orphans: start the container with --init",
    present: once(reapsOrphans),
    ordinary: true,
    packages: [],
  },
  otherArchitecture: {
    name: "both architectures built: bun run build --arch all",
    present: once(() => ["amd64", "arm64"].every((name) => existsSync(join(PROJECT, "dist", name, "pause")))),
    ordinary: false,
    packages: [],
  },
} as const satisfies Readonly<Record<string, Need>>;

/**
 * A test that needs something of the machine. If that is missing, the test is skipped, with the need in its name. Under
 * CI it fails instead, because a skip would hide that nothing was tested.
 */
export function testNeeding(...needs: readonly Need[]) {
  const ordinary = needs.every((need) => need.ordinary);
  return (name: string, run: () => void | Promise<void>, timeout = 60_000): void => {
    if (share !== undefined && ordinary !== (share === "ordinary")) return;
    const title = share === "rest" ? `${name}${REST_MARK}` : name;
    const missing = missingOf(needs);
    if (missing === "") test(title, run, timeout);
    else if (CI)
      test(title, () => Promise.reject(new Error(`under CI every test must run, but this machine lacks ${missing}`)));
    else test.skip(`${name} (skipped: needs ${missing})`, run);
  };
}

/** Names the missing ones for the reader; empty if none is. */
export const missingOf = (needs: readonly Need[]): string =>
  needs
    .filter(({ present }) => !present())
    .map(({ name }) => name)
    .join(", and ");
