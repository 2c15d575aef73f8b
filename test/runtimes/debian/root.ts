import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../../harness/compile.ts";
import { RUN } from "../../../harness/run.ts";
import { debianArchive } from "../../../src/build/debian/apt.ts";
import { run } from "../tools.ts";

/** The runtimes, and the tests' other needs. A package that a release lacks is left out. */
const RUNTIMES = [
  "runc",
  "crun",
  "runsc",
  "containerd",
  "docker.io",
  "docker-cli",
  "podman",
  "buildah",
  "skopeo",
  "lxc",
  "systemd-container",
  "bubblewrap",
];
const NEEDED = [
  "busybox-static",
  "conmon",
  "netavark",
  "uidmap",
  "strace",
  "gcc",
  "libc6-dev",
  "util-linux",
  "mount",
  "ca-certificates",
];

/**
 * A Debian of this release in a folder, with every runtime it has and the Bun that runs this. Making it once takes some
 * four minutes and 1 GB.
 */
export async function debianRoot(release: string): Promise<string> {
  const root = join(TEST_DIST, "debian", release);
  if (existsSync(root)) return root;
  const unfinished = `${root}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(join(root, ".."), { recursive: true });
  // The lists of an unreleased Debian are only valid for a week, and this machine's clock may be ahead of its mirror.
  const apt = [
    'Acquire::Languages "none"',
    'APT::Install-Recommends "false"',
    'Acquire::Check-Valid-Until "false"',
  ].flatMap((option) => ["--aptopt", option]);
  const slim = ["doc", "info", "locale", "man"].flatMap((folder) => [
    "--dpkgopt",
    `path-exclude=/usr/share/${folder}/*`,
  ]);
  const wanted = [...RUNTIMES, ...NEEDED].join(" ");
  const there = `chroot "$1" apt-cache pkgnames | sort >"$1/tmp/names"; printf '%s\\n' ${wanted} | sort | comm -12 - "$1/tmp/names" >"$1/tmp/wanted"`;
  const install = 'chroot "$1" sh -c "xargs apt-get install --yes </tmp/wanted"';
  await run([
    "mmdebstrap",
    "--mode=root",
    "--variant=apt",
    ...apt,
    ...slim,
    `--customize-hook=${there}`,
    `--customize-hook=${install}`,
    release,
    unfinished,
    await debianArchive(RUN),
  ]);
  copyFileSync(process.execPath, join(unfinished, "usr/local/bin/bun"));
  chmodSync(join(unfinished, "usr/local/bin/bun"), 0o755);
  // systemd-nspawn requires it.
  writeFileSync(join(unfinished, "etc/machine-id"), `${"0123456789abcdef".repeat(2)}\n`);
  for (const folder of ["repository", "proc", "sys", "dev", "run", "tmp"])
    mkdirSync(join(unfinished, folder), { recursive: true });
  renameSync(unfinished, root);
  return root;
}

/**
 * Runs a command in such a root, with this repository as /repository. The root is the root of its mounts, not a chroot,
 * because a chroot allows no user namespaces. It has its own PIDs, so that leftovers end with it, and its PID 1 is a
 * shell, which reaps.
 */
export function inRoot(root: string, repository: string, command: readonly string[]): readonly string[] {
  const script = `
    mount --bind "$0" "$0"
    mount --types proc proc "$0/proc"
    mount --rbind /sys "$0/sys"
    mount --rbind /dev "$0/dev"
    mount --rbind "$1" "$0/repository"
    mount --types tmpfs tmpfs "$0/run"
    mount --types tmpfs tmpfs "$0/tmp"
    cd "$0"
    pivot_root . .
    umount --lazy .
    cd /repository
    shift
    "$@"
    exit $?`;
  return [
    "unshare",
    "--mount",
    "--propagation",
    "private",
    "--pid",
    "--fork",
    "--kill-child",
    "sh",
    "-e",
    "-c",
    script,
    root,
    repository,
    ...command,
  ];
}
