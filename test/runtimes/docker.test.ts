import { describe, expect } from "bun:test";
import { documentedCommand } from "../../harness/documented.ts";
import { status } from "../../harness/proc.ts";
import { Docker, stores } from "./docker.ts";
import {
  BUSYBOX,
  builtFor,
  busyboxImage,
  HOST,
  hashOf,
  IMAGE,
  indexImage,
  PROGRAMS,
  pauseImage,
  SECCOMP,
} from "./images.ts";
import { GOODBYE, MAKE_ORPHANS, orphansAreReaped, parked } from "./pod.ts";
import { testWith } from "./tools.ts";

const test = testWith("docker", "dockerd", "containerd", "runc", "busybox");
const SIGSYS = 31;
const SECCOMP_MODE_FILTER = "2";

/** The words of a line of docs/node.md after `docker`, with the test's archive and images in place of the page's. */
const words = (command: string, archive = "") =>
  command
    .replace("dist/pause.oci.tar", archive)
    .replace("localhost/pause:0.1.0", IMAGE)
    .replace(" busybox sleep 1000", "")
    .split(" ")
    .slice(1);

/** A pod in docker's form: containers that share the namespaces of the first. */
const [POD_COMMAND, JOINED_COMMAND] = [
  documentedCommand("docs/node.md", "docker run --detach --name pod "),
  documentedCommand("docs/node.md", "docker run --detach --pid="),
];

describe.each(PROGRAMS)("docker: $name", (program) => {
  test("a second container joins the first, its orphans are reaped, and docker stop ends with exit code 0", async () => {
    await using docker = await Docker.create("classic");
    await docker.run(
      ...words(documentedCommand("docs/node.md", "docker load "), await pauseImage(docker.workspace, program)),
    );
    await docker.run("load", "--input", await busyboxImage(docker.workspace));
    const [run = "", ...pod] = words(POD_COMMAND);
    await docker.run(run, "--network=none", "--security-opt=no-new-privileges", ...pod);
    await docker.run(...words(JOINED_COMMAND), BUSYBOX, "sh", "-c", MAKE_ORPHANS);
    const pid = Number(await docker.inspect("pod", "{{.State.Pid}}"));
    await orphansAreReaped(pid);
    expect(status(pid, "Uid").split("\t")[0]).toBe("65535");
    expect(status(pid, "Seccomp")).toBe(SECCOMP_MODE_FILTER);

    await docker.run("pause", "pod");
    await docker.run("unpause", "pod");
    await parked(pid);
    // docker kills what has not ended 2 seconds after SIGTERM, and its exit code is then 137.
    const [stop = "", ...stopped] = words(documentedCommand("docs/node.md", "docker stop "));
    await docker.run(stop, "--time", "2", ...stopped);
    expect(await docker.inspect("pod", "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 0");
    expect(await docker.try("logs", "pod")).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
  });

  test("on the node's PIDs, where it is not PID 1, it parks with a warning, and docker stop ends with exit code 0", async () => {
    await using docker = await Docker.create("classic");
    await docker.run("load", "--input", await pauseImage(docker.workspace, program));
    await docker.run("run", "--detach", "--name=pod", "--network=none", "--pid=host", IMAGE);
    await parked(Number(await docker.inspect("pod", "{{.State.Pid}}")));
    await docker.run("stop", "--time", "2", "pod");
    expect(await docker.inspect("pod", "{{.State.ExitCode}}")).toBe("0");
    expect((await docker.try("logs", "pod")).stderr).toBe(`Warning: pause should be the first process\n${GOODBYE}`);
  });
});

describe.each(stores().map((store) => ({ store })))("docker, the $store image store", ({ store }) => {
  test("docker load takes this machine's image from the archive of two platforms with attachments, and runs it under deploy/seccomp.json", async () => {
    await using docker = await Docker.create(store);
    await docker.run("load", "--input", await indexImage(docker.workspace));
    await docker.run("load", "--input", await busyboxImage(docker.workspace));
    expect(await docker.run("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", IMAGE)).toBe(`linux/${HOST}`);

    await docker.run("create", "--name=copied", "--network=none", IMAGE);
    await docker.run("cp", "copied:/pause", docker.workspace.path("copied"));
    expect(hashOf(docker.workspace.path("copied"))).toBe(hashOf(builtFor(HOST)));

    const confined = ["--network=none", "--security-opt=no-new-privileges", `--security-opt=seccomp=${SECCOMP}`];
    await docker.run("run", "--detach", "--name=pause", ...confined, "--memory=16m", "--pids-limit=1", IMAGE);
    await parked(Number(await docker.inspect("pause", "{{.State.Pid}}")));
    await docker.run("stop", "--time", "2", "pause");
    expect(await docker.inspect("pause", "{{.State.ExitCode}} {{.State.OOMKilled}}")).toBe("0 false");
    expect((await docker.try("run", ...confined, BUSYBOX, "true")).status).toBe(128 + SIGSYS);
  });
});
