import { describe, expect } from "bun:test";
import { join } from "node:path";
import { documentedCommand } from "../../harness/documented.ts";
import { ARCHITECTURES } from "../../src/ship/image/platforms.ts";
import { Containerd } from "./containerd.ts";
import { builtFor, HOST, hashOf, IMAGE, indexImage, PROGRAMS, pauseImage, SHIPPED } from "./images.ts";
import { parked } from "./pod.ts";
import { testWith } from "./tools.ts";

const test = testWith("containerd", "ctr", "runc");

const MINUTES = 60_000;

describe.each(PROGRAMS)("containerd, in the kubelet's namespace: $name", (program) => {
  test("the lines of docs/node.md import the image and pin it; it runs as a task, which SIGTERM ends with status 0", async () => {
    await using containerd = await Containerd.create();
    const archive = await pauseImage(containerd.workspace, program);
    await containerd.ctr(
      ...words(
        documentedCommand("docs/node.md", "ctr --namespace k8s.io images import "),
        "dist/pause.oci.tar",
        archive,
      ),
    );
    await containerd.ctr(
      ...words(
        documentedCommand("docs/node.md", "ctr --namespace k8s.io images label "),
        "localhost/pause:0.1.0",
        IMAGE,
      ),
    );
    expect(await containerd.ctr("images", "list", `name==${IMAGE}`)).toContain("io.cri-containerd.pinned=pinned");
    const [asked, killed] = [containerd.start("asked", IMAGE), containerd.start("killed", IMAGE)];
    const pids = await containerd.running();
    await Promise.all([...pids.values()].map(parked));

    await containerd.ctr("task", "kill", "--signal", "SIGTERM", "asked");
    expect((await asked.ended).status).toBe(0);
    // Shows that the status is the container's.
    await containerd.ctr("task", "kill", "--signal", "SIGKILL", "killed");
    expect((await killed.ended).status).toBe(128 + 9);
  });
});

describe("containerd, the archive of two platforms, with attachments", () => {
  test("is imported as this machine's, and with --all-platforms as all of them", async () => {
    for (const [options, imported] of [
      [[], [HOST]],
      [["--all-platforms"], ARCHITECTURES],
    ] as const) {
      await using containerd = await Containerd.create();
      await containerd.ctr("images", "import", ...options, await indexImage(containerd.workspace));
      for (const architecture of imported) {
        const root = containerd.workspace.folder(architecture);
        await containerd.ctr("images", "mount", "--platform", `linux/${architecture}`, IMAGE, root);
        expect(hashOf(join(root, "pause"))).toBe(hashOf(builtFor(architecture)));
        await containerd.ctr("images", "unmount", root);
      }
    }
  });
});

/** The words of a documented command after `ctr`, with the test's names in place of the page's. */
function words(command: string, documented: string, ours: string): string[] {
  const [, ...rest] = command.split(" ");
  expect(rest).toContain(documented);
  return rest.map((word) => (word === documented ? ours : word));
}

describe("containerd, many at once", () => {
  test(
    "50 start, all park, and all stop with status 0",
    async () => {
      await using containerd = await Containerd.create();
      await containerd.ctr("images", "import", await pauseImage(containerd.workspace, SHIPPED));
      const ids = Array.from({ length: 50 }, (_, index) => `pod-${index}`);
      const containers = ids.map((id) => containerd.start(id, IMAGE));
      const pids = await containerd.running();
      await Promise.all([...pids.values()].map(parked));

      await Promise.all(ids.map((id) => containerd.ctr("task", "kill", "--signal", "SIGTERM", id)));
      expect((await Promise.all(containers.map(({ ended }) => ended))).map(({ status }) => status)).toEqual(
        ids.map(() => 0),
      );
    },
    3 * MINUTES,
  );
});
