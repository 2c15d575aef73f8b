import { describe, expect } from "bun:test";
import { Containerd } from "./containerd.ts";
import { IMAGE, PROGRAMS, pauseImage, SHIPPED } from "./images.ts";
import { parked } from "./pod.ts";
import { testWith } from "./tools.ts";

const test = testWith("containerd", "ctr", "runc");

const MINUTES = 60_000;

describe.each(PROGRAMS)("containerd, in the kubelet's namespace: $name", (program) => {
  test("the image is imported and runs as a task, which SIGTERM ends with status 0", async () => {
    await using containerd = await Containerd.create();
    await containerd.ctr("images", "import", await pauseImage(containerd.workspace, program));
    const [asked, killed] = [containerd.start("asked", IMAGE), containerd.start("killed", IMAGE)];
    const pids = await containerd.running();
    await Promise.all([...pids.values()].map(parked));

    await containerd.ctr("task", "kill", "--signal", "SIGTERM", "asked");
    expect((await asked.ended).status).toBe(0);
    // So that it is seen that the status is the container's.
    await containerd.ctr("task", "kill", "--signal", "SIGKILL", "killed");
    expect((await killed.ended).status).toBe(128 + 9);
  });
});

describe("containerd, many at once", () => {
  test("50 are started, all parked, and all stopped with status 0", async () => {
    await using containerd = await Containerd.create();
    await containerd.ctr("images", "import", await pauseImage(containerd.workspace, SHIPPED));
    const ids = Array.from({ length: 50 }, (_, index) => `pod-${index}`);
    const containers = ids.map((id) => containerd.start(id, IMAGE));
    const pids = await containerd.running();
    await Promise.all([...pids.values()].map(parked));

    await Promise.all(ids.map((id) => containerd.ctr("task", "kill", "--signal", "SIGTERM", id)));
    expect((await Promise.all(containers.map(({ ended }) => ended))).map(({ status }) => status)).toEqual(ids.map(() => 0));
  }, 3 * MINUTES);
});
