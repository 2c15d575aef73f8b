import { describe, expect } from "bun:test";
import { status } from "../../harness/proc.ts";
import { Containerd } from "./containerd.ts";
import type { Cri, Message } from "./cri.ts";
import { BUSYBOX, busyboxImage, PROGRAMS, pauseImage } from "./images.ts";
import { MAKE_ORPHANS, orphansAreReaped, parked } from "./pod.ts";
import { testWith } from "./tools.ts";

/** NamespaceMode of the CRI. */
const POD = 0;
const CONTAINER = 1;
const NODE = 2;

describe.each(PROGRAMS)("containerd as the kubelet calls it, the image its sandbox_image: $name", (program) => {
  const test = testWith("containerd", "ctr", "runc", "busybox");

  test("a pod whose containers share processes: the sandbox runs /pause, and it reaps a container's orphans", async () => {
    await using containerd = await Containerd.create();
    await containerd.ctr("images", "import", await pauseImage(containerd.workspace, program));
    await containerd.ctr("images", "import", await busyboxImage(containerd.workspace));
    await withPod(containerd, POD, async (cri, pod, config) => {
      const pid = (await containerd.tasks()).get(pod) ?? -1;
      await parked(pid);
      expect(status(pid, "Uid").split("\t")[0]).toBe("65535");
      expect(status(pid, "NoNewPrivs")).toBe("1");

      const container = await cri.call("CreateContainer", [
        [1, pod],
        [2, containerMakingOrphans()],
        [3, config],
      ]);
      await cri.call("StartContainer", [[1, container]]);
      await orphansAreReaped(pid);
    });
  });

  test("a pod whose containers have processes of their own: the sandbox runs /pause", async () => {
    await using containerd = await Containerd.create();
    await containerd.ctr("images", "import", await pauseImage(containerd.workspace, program));
    await withPod(containerd, CONTAINER, async (_, pod) => parked((await containerd.tasks()).get(pod) ?? -1));
  });
});

/** Runs a pod sandbox on the node's network, so that no CNI plugin is needed; stopped and removed afterwards. */
async function withPod(
  containerd: Containerd,
  pid: number,
  use: (cri: Cri, pod: string, config: Message) => Promise<void>,
): Promise<void> {
  using cri = containerd.cri();
  // PodSandboxConfig: metadata (name, uid, namespace), log_directory, linux (cgroup_parent, security_context: namespace_options, seccomp: RuntimeDefault).
  const security: Message = [
    [
      1,
      [
        [1, NODE],
        [2, pid],
        [3, POD],
      ],
    ],
    [9, [[1, 0]]],
  ];
  const config: Message = [
    [
      1,
      [
        [1, "web"],
        [2, "uid"],
        [3, "default"],
      ],
    ],
    [3, containerd.workspace.folder("pod-logs")],
    [
      8,
      [
        [1, containerd.workspace.cgroup],
        [2, security],
      ],
    ],
  ];
  const pod = await cri.call("RunPodSandbox", [[1, config]]);
  try {
    await use(cri, pod, config);
  } finally {
    await cri.call("StopPodSandbox", [[1, pod]]);
    await cri.call("RemovePodSandbox", [[1, pod]]);
  }
}

/** ContainerConfig: metadata (name), image, command, linux (security_context: namespace_options). */
function containerMakingOrphans(): Message {
  const command = ["/bin/busybox", "sh", "-c", MAKE_ORPHANS].map((word) => [3, word] as const);
  return [
    [1, [[1, "one"]]],
    [2, [[1, BUSYBOX]]],
    ...command,
    [
      15,
      [
        [
          2,
          [
            [
              3,
              [
                [1, NODE],
                [2, POD],
                [3, POD],
              ],
            ],
          ],
        ],
      ],
    ],
  ];
}
