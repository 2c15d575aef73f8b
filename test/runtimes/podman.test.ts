import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { BUSYBOX, busyboxImage, IMAGE, PROGRAMS, pauseImage } from "./images.ts";
import { GOODBYE, MAKE_ORPHANS, orphansAreReaped } from "./pod.ts";
import { Podman } from "./podman.ts";
import { testWith } from "./tools.ts";

const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web" },
  spec: {
    shareProcessNamespace: true,
    containers: [
      { name: "one", image: BUSYBOX, imagePullPolicy: "Never", command: ["/bin/busybox", "sh", "-c", MAKE_ORPHANS] },
      { name: "two", image: BUSYBOX, imagePullPolicy: "Never", command: ["/bin/busybox", "sleep", "1000"] },
    ],
  },
};

describe.each(PROGRAMS)("podman kube play with the image as infra image: $name", (program) => {
  testWith("podman", "runc", "busybox", "conmon")("a pod of two containers that share processes: orphans are reaped, podman pod stop leaves exit code 0", async () => {
    await using podman = await Podman.create();
    await podman.load(await pauseImage(podman.workspace, program));
    await podman.load(await busyboxImage(podman.workspace));
    await podman.run("kube", "play", "--network", "none", await podman.workspace.write("pod.yaml", JSON.stringify(POD)));

    const infra = await podman.run("pod", "inspect", "web", "--format", "{{.InfraContainerID}}");
    const inspect = (format: string) => podman.run("inspect", infra, "--format", format);
    expect(await inspect("{{.ImageName}}")).toBe(IMAGE);
    const pid = Number(await inspect("{{.State.Pid}}"));
    await orphansAreReaped(pid);
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toBe("/pause\0");

    // What has not ended 2 seconds after SIGTERM is killed, and its exit code is then 137.
    await podman.run("pod", "stop", "--time", "2", "web");
    expect(await inspect("{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 0");
    expect(await podman.run("logs", infra)).toBe("");
    expect(await logged(podman, infra)).toBe(GOODBYE);
  });
});

/** podman logs prints what a container wrote to stderr on its own stderr. */
async function logged(podman: Podman, container: string): Promise<string> {
  const child = Bun.spawn(["podman", "logs", container], { env: { ...process.env, ...podman.workspace.env }, stdout: "ignore", stderr: "pipe" });
  return child.stderr.text();
}
