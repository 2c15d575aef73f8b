import { describe, expect } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { documentedBlocks, documentedCommand } from "../../harness/documented.ts";
import { status } from "../../harness/proc.ts";
import { soon } from "../../harness/stage.ts";
import { seeingCgroup2Alone, WITHOUT_CONTROLLERS } from "./cgroup2.ts";
import { PROGRAMS, type Program, pauseImage } from "./images.ts";
import { type Kind, OciRuntime, RUNC, RUNSC } from "./oci-runtime.ts";
import { GOODBYE, joinedOrphansAreReaped, pauseBelow } from "./pod.ts";
import { run, start, testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

/** Runs a folder as a root, without an image, with exactly the lines of the documentation. */
describe.each(PROGRAMS)("the lines of docs/runtimes.md: $name", (program) => {
  testWith("runc")("runc: SIGTERM ends it with 0", () =>
    byHand(
      RUNC,
      documentedCommand("docs/runtimes.md", "runc run "),
      documentedCommand("docs/runtimes.md", "runc kill "),
      program,
    ),
  );

  testWith("runsc")("gVisor: SIGTERM ends it with 0", () =>
    byHand(
      RUNSC,
      documentedCommand("docs/runtimes.md", "runsc --platform "),
      documentedCommand("docs/runtimes.md", "runsc kill "),
      program,
    ),
  );

  testWith(
    "lxc-start",
    "lxc-stop",
    "lxc-info",
    "nsenter",
    "busybox",
  )(`LXC${WITHOUT_CONTROLLERS}: orphans are reaped, and lxc-stop does not have to kill it`, async () => {
    using workspace = await Workspace.create();
    const root = rootOf(workspace, program);
    // Leaves the machine's other LXC containers and their cgroups alone.
    const cgroups = [".container", ".monitor", ".monitor.pivot"].map(
      (part) => `lxc.cgroup.dir${part} = ${workspace.cgroup.slice(1)}/lxc${part}`,
    );
    const config = [
      ...documentedBlocks("docs/runtimes.md", "LXC", "ini")
        .flat()
        .map((line) => line.replace("/srv/pause", root)),
      ...cgroups,
    ].join("\n");
    await workspace.write("lxc/pause/config", `${config}\n`);
    const lxc = (command: string, ...args: readonly string[]) =>
      seeingCgroup2Alone([...command.split(" "), "--lxcpath", workspace.path("lxc"), ...args]);

    const container = start(
      lxc(
        documentedCommand("docs/runtimes.md", "lxc-start "),
        "--foreground",
        "--logfile",
        workspace.path("lxc.log"),
        "--console-log",
        workspace.path("console.log"),
      ),
    );
    try {
      const pid = await pauseBelow(container);
      expect(status(pid, "Uid").split("\t")[0]).toBe("65535");
      expect(status(pid, "CapEff")).toBe("0".repeat(16));
      await joinedOrphansAreReaped(pid);
      // If it were killed after 20 s, it would print nothing.
      await run(lxc(documentedCommand("docs/runtimes.md", "lxc-stop "), "--timeout", "20"));
      await container.ended;
      expect(await Bun.file(workspace.path("console.log")).text()).toBe(GOODBYE.replace("\n", "\r\n"));
    } finally {
      container.kill();
    }
  });

  testWith(
    "systemd-nspawn",
    "nsenter",
    "busybox",
  )(`systemd-nspawn${WITHOUT_CONTROLLERS}: orphans are reaped, and its own SIGTERM ends it with 0`, async () => {
    using workspace = await Workspace.create();
    const root = rootOf(workspace, program);
    await run(inRoot(documentedCommand("docs/runtimes.md", "mkdir --parents "), root));
    // Without a running systemd, there is none to register the container with.
    const [name, ...args] = inRoot(documentedCommand("docs/runtimes.md", "systemd-nspawn "), root);
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

  testWith(
    "bwrap",
    "nsenter",
    "busybox",
  )("bubblewrap: orphans are reaped, and SIGTERM ends it with 0", async () => {
    using workspace = await Workspace.create();
    const root = rootOf(workspace, program);
    const container = start(inRoot(documentedCommand("docs/runtimes.md", "bwrap "), root));
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

/** Runs and ends a container with the documented commands, in its bundle's folder and with separate state. */
async function byHand(kind: Kind, runs: string, kills: string, program: Program): Promise<void> {
  using workspace = await Workspace.create();
  await using runtime = new OciRuntime(kind, workspace);
  const id = runs.split(" ").at(-1) ?? "";
  await runtime.prepare(id, await pauseImage(workspace, program));
  const [tool, ...words] = runs.split(" ");
  const inBundle = ["env", "--chdir", workspace.path(id), tool ?? "", "--root", workspace.path("state")];
  // gVisor's sandbox does not use this machine's cgroups.
  const container = start([...inBundle, ...kind.command.filter((option) => option === "--ignore-cgroups"), ...words]);
  try {
    await parkedIn(inBundle, id);
    await run([...inBundle, ...kills.split(" ").slice(1)]);
    expect(await container.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
  } finally {
    await start([...inBundle, "delete", "--force", id]).ended;
    container.kill();
  }
}

/** Waits until the runtime says that the container runs, and a moment longer, for /pause to begin its wait. */
async function parkedIn(runtime: readonly string[], id: string): Promise<void> {
  await soon(`${id} to run`, () =>
    Bun.spawnSync([...runtime, "state", id], { stderr: "ignore" }).stdout.includes('"status": "running"')
      ? true
      : undefined,
  );
  await Bun.sleep(200);
}

/** A folder with only the program, as /pause. */
function rootOf(workspace: Workspace, { path }: Program): string {
  const root = workspace.folder("root");
  copyFileSync(path, join(root, "pause"));
  return root;
}

/** The words of a documented command, with this root in place of the documented one. */
const inRoot = (command: string, root: string): string[] => command.replace("/srv/pause", root).split(" ");
