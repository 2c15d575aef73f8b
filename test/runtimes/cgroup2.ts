import { existsSync } from "node:fs";

/** Is version 2 the machine's only hierarchy? Some have it beside version 1, which then has the controllers. */
const ALONE = existsSync("/sys/fs/cgroup/cgroup.controllers");

/** For test names: what accepts either version alone, but not both at once. */
export const WITHOUT_CONTROLLERS = ALONE
  ? ""
  : " (where it sees cgroup v2 alone, which here has no controllers, so no limits)";

/** A command that sees cgroup v2 and nothing of v1. */
export function seeingCgroup2Alone(command: readonly string[]): readonly string[] {
  if (ALONE) return command;
  const mount = 'umount --recursive /sys/fs/cgroup && mount --types cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"';
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh", ...command];
}
