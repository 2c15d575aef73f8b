import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { documentedCommand } from "../../harness/documented.ts";
import { status } from "../../harness/proc.ts";
import { ARCHITECTURES } from "../../src/ship/image/platforms.ts";
import { sha256 } from "../../src/support/hash.ts";
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
  REPOSITORY,
  SECCOMP,
  SHIPPED,
} from "./images.ts";
import { pauseIn, readImage } from "./oci.ts";
import { GOODBYE, MAKE_ORPHANS, orphansAreReaped, parked } from "./pod.ts";
import { Podman } from "./podman.ts";
import { run, start, testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

const SIGSYS = 31;

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
  testWith(
    "podman",
    "runc",
    "busybox",
    "conmon",
  )(
    "a pod of two containers that share processes: orphans are reaped, and podman pod stop ends with exit code 0",
    async () => {
      await using podman = await Podman.create();
      const archive = await pauseImage(podman.workspace, program);
      await podman.run(
        ...documentedCommand("docs/node.md", "podman load ").replace("dist/pause.oci.tar", archive).split(" ").slice(1),
      );
      await podman.load(await busyboxImage(podman.workspace));
      await podman.run(
        "kube",
        "play",
        "--network",
        "none",
        await podman.workspace.write("pod.yaml", JSON.stringify(POD)),
      );

      const infra = await podman.run("pod", "inspect", "web", "--format", "{{.InfraContainerID}}");
      const inspect = (format: string) => podman.run("inspect", infra, "--format", format);
      expect(await inspect("{{.ImageName}}")).toBe(IMAGE);
      const pid = Number(await inspect("{{.State.Pid}}"));
      await orphansAreReaped(pid);
      // Podman runs an infra container as root, whatever user the image names.
      expect(status(pid, "Uid").split("\t")[0]).toBe("0");
      expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toBe("/pause\0");

      // podman kills what has not ended 2 seconds after SIGTERM, and its exit code is then 137.
      await podman.run("pod", "stop", "--time", "2", "web");
      expect(await inspect("{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 0");
      expect(await podman.run("logs", infra)).toBe("");
      expect(await logged(podman, infra)).toBe(GOODBYE);
    },
  );
});

describe("deploy/podman/10-pause.conf", () => {
  testWith("podman", "unshare")("in containers.conf.d names the infra image of podman's pods", async () => {
    using workspace = await Workspace.create();
    // In /etc/containers, as the page says, but in podman's own mounts.
    const script = `
      mount --types tmpfs tmpfs /etc/containers
      mkdir /etc/containers/containers.conf.d
      cp "$0" /etc/containers/containers.conf.d/
      exec podman pod create --help`;
    const { CONTAINERS_CONF: _, ...env } = workspace.env;
    const file = join(REPOSITORY, "deploy/podman/10-pause.conf");
    const help = await run(["unshare", "--mount", "sh", "-ec", script, file], env);
    expect(help).toMatch(/--infra-image.*\(default "localhost\/pause:0\.1\.0"\)/s);
  });
});

describe("podman run", () => {
  testWith(
    "podman",
    "runc",
    "busybox",
    "conmon",
  )("runs the image under deploy/seccomp.json, and kills a program that makes any other call", async () => {
    await using podman = await Podman.create();
    await podman.load(await pauseImage(podman.workspace, SHIPPED));
    await podman.load(await busyboxImage(podman.workspace));
    const [, , ...options] = documentedCommand("docs/runtimes.md", "podman run ")
      .replace("deploy/seccomp.json", SECCOMP)
      .split(" ")
      .slice(0, -1);
    const confined = [...options, "--network=none", `--cgroup-parent=${podman.workspace.cgroup}`];
    await podman.run("run", "--detach", "--name=pause", ...confined, IMAGE);
    await parked(Number(await podman.run("inspect", "pause", "--format", "{{.State.Pid}}")));
    await podman.run("stop", "--time", "10", "pause");
    expect(await podman.run("inspect", "pause", "--format", "{{.State.ExitCode}}")).toBe("0");

    const busybox = await start(["podman", "run", ...confined, BUSYBOX, "true"], podman.workspace.env).ended;
    expect(busybox.status).toBe(128 + SIGSYS);
  });
});

describe("the archive of two platforms, with attachments", () => {
  testWith("podman")("is loaded by podman as this machine's", async () => {
    await using podman = await Podman.create();
    await podman.load(await indexImage(podman.workspace));
    expect(await podman.run("image", "inspect", IMAGE, "--format", "{{.Os}}/{{.Architecture}}")).toBe(`linux/${HOST}`);
    expect(hashOf(join(await podman.run("image", "mount", IMAGE), "pause"))).toBe(hashOf(builtFor(HOST)));
  });

  testWith("buildah", "podman")("is pulled by buildah for either, and both are listed", async () => {
    await using podman = await Podman.create();
    const archive = await indexImage(podman.workspace);
    const buildah = (...args: readonly string[]) => run(["buildah", ...args], podman.workspace.env);
    for (const architecture of ARCHITECTURES) {
      const image = await buildah("pull", "--quiet", "--arch", architecture, `oci-archive:${archive}`);
      const container = await buildah("from", "--quiet", "--arch", architecture, image);
      expect(hashOf(join(await buildah("mount", container), "pause"))).toBe(hashOf(builtFor(architecture)));
    }
    await buildah("manifest", "create", "both");
    await buildah("manifest", "add", "--all", "both", `oci-archive:${archive}`);
    expect(architectures(await buildah("manifest", "inspect", "both"))).toEqual(["amd64", "arm64"]);
    expect(architectures(await podman.run("manifest", "inspect", "both"))).toEqual(["amd64", "arm64"]);
  });

  testWith("skopeo", "podman")("is brought into CRI-O's store by the line of docs/node.md", async () => {
    await using podman = await Podman.create();
    const [archive, name] = [await indexImage(podman.workspace), "localhost/pause:crio"];
    const [skopeo = "", ...words] = documentedCommand("docs/node.md", "skopeo copy oci-archive:")
      .replace("dist/pause.oci.tar", archive)
      .replace("localhost/pause:0.1.0", name)
      .split(" ");
    await run([skopeo, "--insecure-policy", ...words], podman.workspace.env);
    expect(hashOf(join(await podman.run("image", "mount", name), "pause"))).toBe(hashOf(builtFor(HOST)));
  });

  testWith("skopeo")(
    "is an index to skopeo, which copies it whole, or one platform's image, or what docker takes",
    async () => {
      using workspace = await Workspace.create();
      const archive = await indexImage(workspace);
      const raw = (path: string) => run(["skopeo", "inspect", "--raw", `oci-archive:${path}`]);
      expect(architectures(await raw(archive))).toEqual(["amd64", "arm64"]);
      const copied = async (name: string, source: string, ...options: readonly string[]) => {
        await run([
          "skopeo",
          "--insecure-policy",
          ...options,
          "copy",
          "--quiet",
          ...(name === "whole" ? ["--all"] : []),
          `${source}:${archive}`,
          `oci-archive:${workspace.path(name)}`,
        ]);
        return workspace.path(name);
      };
      const whole = await copied("whole", "oci-archive");
      // The index is the same, and so is each blob that it leads to, including attestations and texts.
      expect(await raw(whole)).toBe(await raw(archive));
      expect(await blobs(whole)).toEqual(await blobs(archive));
      for (const architecture of ARCHITECTURES)
        expect(await inside(await copied(architecture, "oci-archive", "--override-arch", architecture))).toBe(
          hashOf(builtFor(architecture)),
        );
      expect(await inside(await copied("docker", "docker-archive"))).toBe(hashOf(builtFor(HOST)));
    },
  );
});

/** The architectures that an image index's JSON lists; an entry without one is not an image. */
function architectures(index: string): string[] {
  const { manifests }: { manifests: { platform: { architecture: string } }[] } = JSON.parse(index);
  return manifests.map(({ platform }) => platform.architecture).filter((architecture) => architecture !== "unknown");
}

/** The names of an archive's blobs, which are their hashes. */
async function blobs(archive: string): Promise<readonly string[]> {
  const files = await new Bun.Archive(await Bun.file(archive).bytes()).files();
  return [...files.keys()].filter((name) => name.startsWith("blobs/")).toSorted();
}

/** The hash of /pause in an archive of one image with one layer. */
async function inside(archive: string): Promise<string> {
  const image = await readImage(archive);
  expect(image.layers.length).toBe(1);
  return sha256(pauseIn(image));
}

/** podman logs prints a container's stderr on its own stderr. */
async function logged(podman: Podman, container: string): Promise<string> {
  const child = Bun.spawn(["podman", "logs", container], {
    env: { ...process.env, ...podman.workspace.env },
    stdout: "ignore",
    stderr: "pipe",
  });
  return child.stderr.text();
}
