import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "../../harness/proc.ts";
import { IMAGE, pauseImage, SHIPPED } from "./images.ts";
import { OciRuntime, RUNC } from "./oci-runtime.ts";
import { GOODBYE, parked } from "./pod.ts";
import { Podman } from "./podman.ts";
import { testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

const MIB = 1024 * 1024;
const SECCOMP_MODE_FILTER = "2";
const SUBORDINATE = 100_000;
const UNPRIVILEGED = 54_321;

/** All settings of a cautious node at once. The seccomp profile is podman's own. */
const HARDENED = [
  ...[
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--user=65535:65535",
  ],
  ...["--memory=6m", "--memory-swap=6m", "--pids-limit=1", "--network=none"],
  ...[`--uidmap=0:${SUBORDINATE}:65536`, `--gidmap=0:${SUBORDINATE}:65536`],
];

describe("hardened", () => {
  testWith(
    "podman",
    "runc",
    "conmon",
  )(
    "read-only root, no capability, no_new_privs, the default seccomp profile, 6 MiB, 1 process, uid 65535, user namespace: parks, and SIGTERM ends it with 0",
    async () => {
      await using podman = await Podman.create();
      await podman.load(await pauseImage(podman.workspace, SHIPPED));
      await runHardened(podman);
      const inspect = (format: string) => podman.run("inspect", "hardened", "--format", format);
      const pid = Number(await inspect("{{.State.Pid}}"));
      await parked(pid);

      const said = Object.fromEntries(
        ["Uid", "Gid", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"].map((field) => [
          field,
          status(pid, field).split("\t")[0],
        ]),
      );
      const [id, none] = [String(SUBORDINATE + 65535), "0".repeat(16)];
      expect(said).toEqual({
        Uid: id,
        Gid: id,
        CapPrm: none,
        CapEff: none,
        CapBnd: none,
        NoNewPrivs: "1",
        Seccomp: SECCOMP_MODE_FILTER,
      });
      expect(rootMount(pid)).toMatch(/^ro,/);
      expect(limit(pid, "memory", "memory.limit_in_bytes", "memory.max")).toBe(String(6 * MIB));
      expect(limit(pid, "pids", "pids.max", "pids.max")).toBe("1");

      await podman.run("stop", "--time", "10", "hardened");
      expect(await inspect("{{.State.ExitCode}} {{.State.OOMKilled}}")).toBe("0 false");
    },
  );

  testWith("runc", "setpriv")(
    "rootless, started by an unprivileged user with runc: parks, and SIGTERM ends it with 0",
    async () => {
      using workspace = await Workspace.create();
      await using runc = new OciRuntime(RUNC, workspace, UNPRIVILEGED);
      const container = await runc.start("rootless", await pauseImage(workspace, SHIPPED));
      await parked(container.pid);
      expect(status(container.pid, "Uid").split("\t")).toEqual(Array(4).fill(String(UNPRIVILEGED)));
      expect(status(container.pid, "CapEff")).toBe("0".repeat(16));
      await runc.kill("rootless", "TERM");
      expect(await container.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
    },
  );
});

/**
 * runc enters the limits before it executes /pause. Its Go runtime sometimes wants one thread more than 1 process
 * allows (the kernel's log says "fork rejected by pids controller"), and then runc ends, with whatever message it can
 * still print, before there is a /pause. So this tries again. A failure of /pause itself would show afterwards, because
 * the container would not be running.
 */
async function runHardened(podman: Podman): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await podman.run(
        "run",
        "--detach",
        "--name=hardened",
        `--cgroup-parent=${podman.workspace.cgroup}`,
        ...HARDENED,
        IMAGE,
      );
      return;
    } catch (error) {
      if (tries === 10) throw error;
      await podman.run("rm", "--force", "hardened");
    }
  }
}

/** The options of the process's root mount: field 6 of its line in /proc/PID/mountinfo, proc(5). */
function rootMount(pid: number): string | undefined {
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  return mounts.find(([, , , , point]) => point === "/")?.[5];
}

/** A limit of the process's cgroup, from the controller's own hierarchy (version 1) or the common one (version 2). */
function limit(pid: number, controller: string, v1: string, v2: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8")
    .trim()
    .split("\n")
    .map((line) => line.split(":"));
  const path = (name: string) =>
    lines.find(([, controllers = ""]) => controllers.split(",").includes(name))?.[2] ?? "/";
  const own = join("/sys/fs/cgroup", controller, path(controller), v1);
  return readFileSync(existsSync(own) ? own : join("/sys/fs/cgroup", path(""), v2), "utf8").trim();
}
