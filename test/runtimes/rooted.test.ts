import { describe, expect } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "../support/proc.ts";
import { seeingCgroup2Alone, WITHOUT_CONTROLLERS } from "./cgroup2.ts";
import { PROGRAMS, type Program } from "./images.ts";
import { documented } from "./lines.ts";
import { GOODBYE, joinedOrphansAreReaped, pauseBelow } from "./pod.ts";
import { run, start, testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

/** What runs a folder as a root, without an image: with exactly the lines that the documentation has. */
describe.each(PROGRAMS)("the lines of docs/runtimes.md: $name", (program) => {
  testWith("lxc-start", "lxc-stop", "lxc-info", "nsenter", "busybox")(`LXC${WITHOUT_CONTROLLERS}: orphans are reaped, lxc-stop does not have to kill it`, async () => {
    using workspace = await Workspace.create();
    const root = rootOf(workspace, program);
    // Of a machine's LXC, other containers and their cgroups are left alone.
    const cgroups = [".container", ".monitor", ".monitor.pivot"].map((part) => `lxc.cgroup.dir${part} = ${workspace.cgroup.slice(1)}/lxc${part}`);
    const config = [...documented("LXC", "ini").map((line) => line.replace("/srv/pause", root)), ...cgroups].join("\n");
    await workspace.write("lxc/pause/config", `${config}\n`);
    const lxc = (command: string, ...args: readonly string[]) => seeingCgroup2Alone([command, "--lxcpath", workspace.path("lxc"), "--name", "pause", ...args]);

    const container = start(lxc("lxc-start", "--foreground", "--logfile", workspace.path("lxc.log"), "--console-log", workspace.path("console.log")));
    try {
      const pid = await pauseBelow(container);
      expect(status(pid, "Uid").split("\t")[0]).toBe("65535");
      expect(status(pid, "CapEff")).toBe("0".repeat(16));
      await joinedOrphansAreReaped(pid);
      // Killed after 20 s, it would say nothing on the way.
      await run(lxc("lxc-stop", "--timeout", "20"));
      await container.ended;
      expect(await Bun.file(workspace.path("console.log")).text()).toBe(GOODBYE.replace("\n", "\r\n"));
    } finally {
      container.kill();
    }
  });

  testWith("systemd-nspawn", "nsenter", "busybox")(`systemd-nspawn${WITHOUT_CONTROLLERS}: orphans are reaped, and its own SIGTERM ends it with 0`, async () => {
    using workspace = await Workspace.create();
    const root = rootOf(workspace, program);
    const [mkdir, nspawn] = commands("systemd-nspawn", root);
    await run(mkdir);
    // Where no systemd runs there is none to register it with.
    const [name, ...args] = nspawn;
    const container = start(seeingCgroup2Alone([name ?? "", "--register=no", "--keep-unit", ...args]));
    try {
      const pid = await pauseBelow(container);
      await joinedOrphansAreReaped(pid);
      process.kill(container.pid, "SIGTERM");
      const { status, stdout, stderr } = await container.ended;
      expect({ status, said: (stdout + stderr).includes(GOODBYE.trim()) }).toEqual({ status: 0, said: true });
    } finally {
      container.kill();
    }
  });

  testWith("bwrap", "nsenter", "busybox")("bubblewrap: orphans are reaped, and SIGTERM ends it with 0", async () => {
    using workspace = await Workspace.create();
    const root = rootOf(workspace, program);
    const [bwrap] = commands("bubblewrap", root);
    const container = start(bwrap);
    try {
      const pid = await pauseBelow(container);
      await joinedOrphansAreReaped(pid);
      process.kill(pid, "SIGTERM");
      expect(await container.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
    } finally {
      container.kill();
    }
  });
});

/** A folder with the program as /pause and nothing else. */
function rootOf(workspace: Workspace, { path }: Program): string {
  const root = workspace.folder("root");
  copyFileSync(path, join(root, "pause"));
  return root;
}

/** The documented commands, with this root instead of the documented one. */
function commands(heading: string, root: string): [string[], string[]] {
  const [first = [], second = []] = documented(heading, "sh").map((line) => line.replace("/srv/pause", root).split(" "));
  return [first, second];
}
