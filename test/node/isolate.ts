import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Scope } from "../../src/support/scope.ts";
import { REPOSITORY } from "../runtimes/images.ts";

/** A mounted hierarchy of control groups: its mount point, and the controllers of version 1, or version 2. */
type Hierarchy = { readonly mount: string; readonly options: string };
const VERSION_2 = "cgroup2";

/** From /proc/self/mountinfo (proc(5)): field 5 is the mount point; type, source and options follow the hyphen. */
function hierarchies(): readonly Hierarchy[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [before = "", behind = ""] = line.split(" - ");
      const [type = "", , options = ""] = behind.split(" ");
      const mount = before.split(" ")[4] ?? "";
      if (type === VERSION_2) return [{ mount, options: VERSION_2 }];
      return type === "cgroup" ? [{ mount, options: options.replace(/^rw,/, "") }] : [];
    });
}

/** Makes a control group in each hierarchy, which ends with the scope. Returns their folders. */
function groups(run: Scope, name: string): readonly string[] {
  for (const { mount, options } of hierarchies()) if (options === VERSION_2) handOut(run, mount);
  const folders = hierarchies().map(({ mount }) => join(mount, name));
  for (const folder of folders) {
    mkdirSync(folder);
    run.defer(() => removeGroup(folder));
    // Version 1 gives a new group neither CPUs nor memory nodes.
    for (const file of ["cpuset.cpus", "cpuset.mems"])
      if (existsSync(join(folder, file)) && !existsSync(join(folder, "cgroup.controllers")))
        writeFileSync(join(folder, file), readFileSync(join(dirname(folder), file)));
  }
  return folders;
}

/** In version 2, a group has the controllers that its parent hands out. Makes the parent do so until the scope ends. */
function handOut(run: Scope, mount: string): void {
  const words = (file: string) => readFileSync(join(mount, file), "utf8").trim().split(" ").filter(Boolean);
  const given = words("cgroup.subtree_control");
  const set = (sign: string, controller: string) =>
    writeFileSync(join(mount, "cgroup.subtree_control"), `${sign}${controller}`);
  for (const controller of words("cgroup.controllers").filter((name) => !given.includes(name))) {
    set("+", controller);
    run.defer(() => set("-", controller));
  }
}

/** A group can only be removed a moment after its last process has ended. */
async function removeGroup(folder: string): Promise<void> {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await removeGroup(join(folder, entry.name));
  for (let tries = 0; existsSync(folder) && tries < 200; tries++) {
    try {
      rmdirSync(folder);
    } catch {
      await Bun.sleep(20);
    }
  }
}

/**
 * The root is the host's below a layer in memory, with the files of `layers` between the two. Writes go to the top
 * layer and end with the namespaces. The host's containers and Kubernetes are invisible.
 */
const ENTER = `
  work=$1 layers=$2 groups=$3 binds=$4; shift 4
  for group in $groups; do echo 0 >"$group/cgroup.procs"; done
  mount --types tmpfs tmpfs "$work"
  mkdir "$work/layer" "$work/upper" "$work/work" "$work/root"
  # No layer may lie within another.
  for layer in $layers; do cp --archive --no-target-directory "$layer/usr" "$work/layer/usr"; done
  options="lowerdir=$work/layer:/,upperdir=$work/upper,workdir=$work/work"
  mount --types overlay overlay --options "$options" "$work/root"
  cd "$work/root"
  mount --types proc proc proc
  mount --rbind /sys sys
  mount --rbind /dev dev
  for folder in run tmp var/log var/lib/containerd var/lib/containers var/lib/kubelet \\
      etc/containerd etc/cni etc/crio; do
    mkdir --parents "$folder"
    mount --types tmpfs tmpfs "$folder"
  done
  for folder in $binds; do
    mkdir --parents ".$folder"
    mount --rbind "$folder" ".$folder"
  done
  pivot_root . .
  umount --lazy .
  exec unshare --cgroup "$@"`;

/** In a new namespace of control groups, whose root is where the process is at that time. */
const MOUNT_GROUPS = `
  hierarchies=$1; shift
  umount --recursive /sys/fs/cgroup
  [ "$hierarchies" = /sys/fs/cgroup=cgroup2 ] || mount --types tmpfs tmpfs /sys/fs/cgroup
  for hierarchy in $hierarchies; do
    mkdir --parents "\${hierarchy%%=*}"
    case $hierarchy in
      *=cgroup2) mount --types cgroup2 cgroup2 "\${hierarchy%%=*}" ;;
      *) mount --types cgroup --options "\${hierarchy#*=}" cgroup "\${hierarchy%%=*}" ;;
    esac
  done
  # Under version 2 a group that hands out controllers has no process of its own.
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir /sys/fs/cgroup/daemons
    echo 0 >/sys/fs/cgroup/daemons/cgroup.procs
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
      echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
    done
  fi
  busybox ip link set lo up
  exec "$@"`;

/**
 * The command line that runs `command` in its own namespaces, for a scope that removes what it leaves on the host:
 * control groups and a folder. `layers`: folders that lie over the host's root. `binds`: paths that stay visible.
 */
export function isolated(
  run: Scope,
  layers: readonly string[],
  binds: readonly string[],
  command: readonly string[],
): readonly string[] {
  const work = run.folder(`pause-node-${process.pid}-`);
  const own = groups(run, basename(work));
  const list = hierarchies().map(({ mount, options }) => `${mount}=${options}`);
  const unshare = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];
  return [
    ...[...unshare, "--net", "--ipc", "--uts", "sh", "-ec", ENTER, "enter"],
    ...[work, layers.join(" "), own.join(" "), [REPOSITORY, ...binds].join(" ")],
    ...["sh", "-ec", MOUNT_GROUPS, "mount-groups", list.join(" "), ...command],
  ];
}
