import { describe, expect } from "bun:test";
import { kilobytes, status } from "../../harness/proc.ts";
import { Containerd, configured, deployed, VERSION } from "./containerd.ts";
import type { ContainerConfig, Cri, Namespace, PodSandboxConfig } from "./cri.ts";
import { BUSYBOX, busyboxImage, IMAGE, PROGRAMS, pauseImage, SHIPPED } from "./images.ts";
import { MAKE_ORPHANS, orphansAreReaped, parked } from "./pod.ts";
import { start, testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

const test = testWith("containerd", "ctr", "runc", "busybox");

describe.each(PROGRAMS)("containerd as the kubelet calls it, with the image as its sandbox_image: $name", (program) => {
  test("a pod whose containers share processes: the sandbox runs /pause, and it reaps a container's orphans", async () => {
    await using containerd = await Containerd.create();
    await containerd.ctr("images", "import", await pauseImage(containerd.workspace, program));
    await containerd.ctr("images", "import", await busyboxImage(containerd.workspace));
    await withPod(containerd, podConfig(containerd, "POD"), async (cri, pod, config) => {
      const pid = await sandbox(containerd, pod);
      expect([status(pid, "Uid").split("\t")[0], status(pid, "Gid").split("\t")[0]]).toEqual(["65535", "65535"]);
      expect(status(pid, "NoNewPrivs")).toBe("1");
      await cri.run(pod, config, containerMakingOrphans());
      await orphansAreReaped(pid);
    });
  });

  test("a pod whose containers have their own processes: the sandbox runs /pause, and SIGKILL ends it, so with 137", async () => {
    await using containerd = await Containerd.create();
    await containerd.ctr("images", "import", await pauseImage(containerd.workspace, program));
    const events = start(containerd.command("events"));
    try {
      await withPod(containerd, podConfig(containerd, "CONTAINER"), async (_, pod) => {
        await sandbox(containerd, pod);
      });
      await Bun.sleep(500);
    } finally {
      events.kill();
    }
    expect((await events.ended).stdout).toMatch(/\/tasks\/exit \{.*"exit_status":137/);
  });

  test("the pod's runAsUser and runAsGroup replace the image's", async () => {
    await using containerd = await Containerd.create();
    await containerd.ctr("images", "import", await pauseImage(containerd.workspace, program));
    const config = podConfig(containerd, "POD", { runAsUser: { value: 1000 }, runAsGroup: { value: 2000 } });
    await withPod(containerd, config, async (_, pod) => {
      const pid = await sandbox(containerd, pod);
      expect(["Uid", "Gid"].map((field) => status(pid, field).split("\t")[0])).toEqual(["1000", "2000"]);
    });
  });

  test("a pod with the host's processes: /pause is not PID 1, says so, and touches more of its memory for that", async () => {
    await using containerd = await Containerd.create();
    await containerd.ctr("images", "import", await pauseImage(containerd.workspace, program));
    await withPod(containerd, podConfig(containerd, "NODE"), async (_, pod) => {
      const pid = await sandbox(containerd, pod);
      expect(status(pid, "NSpid")).toBe(`${pid}`);
      expect(kilobytes(pid, "VmRSS")).toBeGreaterThan(program === SHIPPED ? 12 : 0);
    });
  });
});

describe("containerd's image collection", () => {
  test("the configuration alone pins the sandbox image from 1.7 on; in 1.6 nothing does, and it is removed under a pod", async () => {
    await using containerd = await Containerd.create();
    await containerd.ctr("images", "import", await pauseImage(containerd.workspace, SHIPPED));
    await withPod(containerd, podConfig(containerd, "CONTAINER"), async (cri) => {
      const [image] = (await cri.images()).filter(({ repoTags }) => repoTags.includes(IMAGE));
      expect(image?.pinned).toBe(VERSION >= 1.7);
      if (VERSION >= 1.7) return;
      // The kubelet does this when the disk is full.
      await cri.removeImage(image?.id ?? "");
      expect((await cri.images()).length).toBe(0);
    });
  });
});

describe("a file of deploy/containerd, imported by containerd's main file", () => {
  const main = 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  max_container_log_line_size = 12345\n';

  test("names the sandbox image; what the main file has in the same section is kept from 2.1 on, and lost before", async () => {
    using workspace = await Workspace.create();
    const shown = await configured(await importing(workspace, "version = 2\n", deployed(2)));
    expect(shown).toMatch(/sandbox(_image)? = ["']localhost\/pause:0\.1\.0["']/);
    const merged = await configured(await importing(workspace, main, deployed(2)));
    expect(merged).toMatch(/sandbox(_image)? = ["']localhost\/pause:0\.1\.0["']/);
    expect(merged.includes("max_container_log_line_size = 12345")).toBe(VERSION >= 2.1);
  });

  test("of another version than the main file: containerd 1.x ignores or refuses it, 2.1 loses what the main file has", async () => {
    using workspace = await Workspace.create();
    const shown = await configured(await importing(workspace, main, deployed(3)));
    expect(/sandbox(_image)? = ["']localhost\/pause:0\.1\.0["']/.test(shown)).toBe(VERSION >= 2);
    expect(shown.includes("max_container_log_line_size = 12345")).toBe(VERSION < 1.7);
  });
});

/** Writes a main file with these lines that imports one file. Returns its path. */
function importing(workspace: Workspace, main: string, file: string): Promise<string> {
  return workspace.write("main.toml", main.replace("\n", `\nimports = [${JSON.stringify(file)}]\n`));
}

/** A pod on the node's network, which needs no CNI plugin, with the runtime's own seccomp profile. */
function podConfig(containerd: Containerd, pid: Namespace, security: object = {}): PodSandboxConfig {
  return {
    metadata: { name: "web", uid: "web", namespace: "default" },
    logDirectory: containerd.workspace.folder("pod-logs"),
    linux: {
      cgroupParent: containerd.workspace.cgroup,
      securityContext: {
        namespaceOptions: { network: "NODE", pid, ipc: "POD" },
        seccomp: { profileType: "RuntimeDefault" },
        ...security,
      },
    },
  };
}

/** The PID of a pod's /pause, once it is parked. */
async function sandbox(containerd: Containerd, pod: string): Promise<number> {
  const pid = (await containerd.tasks()).get(pod) ?? -1;
  await parked(pid);
  return pid;
}

/** Runs a pod, then stops and removes it. */
async function withPod(
  containerd: Containerd,
  config: PodSandboxConfig,
  use: (cri: Cri, pod: string, config: PodSandboxConfig) => Promise<void>,
): Promise<void> {
  using cri = containerd.cri();
  const pod = await cri.runPod(config);
  try {
    await use(cri, pod, config);
  } finally {
    await cri.stopPod(pod);
    await cri.removePod(pod);
  }
}

function containerMakingOrphans(): ContainerConfig {
  return {
    metadata: { name: "one" },
    image: { image: BUSYBOX },
    command: ["/bin/busybox", "sh", "-c", MAKE_ORPHANS],
    linux: {
      securityContext: {
        namespaceOptions: { network: "NODE", pid: "POD", ipc: "POD" },
        seccomp: { profileType: "RuntimeDefault" },
      },
    },
  };
}
