import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Child, Scope } from "../../src/support/scope.ts";
import type { Cri } from "../runtimes/cri.ts";
import type { Given } from "./given.ts";
import { containerOf, manifestOf, type Place, sandboxOf, type TestPod } from "./pods.ts";
import type { Runtime } from "./runtime.ts";

/** Runs pods: a kubelet, or this test in its place. */
export type Driver = {
  readonly name: string;
  /** Requests a pod; starting it may take a while. @throws Error with the runtime's message, if available. */
  readonly run: (pod: TestPod) => Promise<void>;
  /** Requests its end, which may take a while. */
  readonly remove: (pod: TestPod) => Promise<void>;
  /** Restarts the driver itself, like the node's service manager. */
  readonly restart?: () => Promise<void>;
};

/** Calls the CRI like a kubelet; restarts an ended container twice. */
export function callingDriver(runtime: Runtime, place: Place): Driver {
  const run = async (pod: TestPod) => {
    using cri = runtime.cri();
    const config = sandboxOf(pod, place);
    mkdirSync(config.logDirectory, { recursive: true });
    const id = await cri.runPod(config);
    for (let attempt = 0; attempt < (pod.crashes === true ? 3 : 1); attempt++)
      await cri.run(id, config, containerOf(pod, attempt, place));
  };
  const remove = async ({ name }: TestPod) => {
    using cri = runtime.cri();
    for (const { id } of (await cri.pods()).filter((pod) => pod.name === name)) await endPod(cri, id);
  };
  return { name: "the CRI, called as by a kubelet", run, remove };
}

/** A kubelet also retries when a runtime fails. */
const TRIES = 5;

async function endPod(cri: Cri, id: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      for (const container of (await cri.containers()).filter(({ pod }) => pod === id)) await cri.stop(container.id, 1);
      await cri.stopPod(id);
      return await cri.removePod(id);
    } catch (error) {
      if (tries === TRIES) throw error;
      await Bun.sleep(500);
    }
  }
}

const MANIFESTS = "/etc/kubernetes/manifests";
const CONFIG = "/etc/kubernetes/kubelet.json";

/**
 * A kubelet sets these for the whole machine. It gets look-alike files in separate mounts, because nothing may lie over
 * /proc if a user namespace is to mount one.
 */
const LAUNCH = `
  for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \\
      kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file=/tmp/kubelet.$(echo "\${setting%=*}" | tr / .)
    echo "\${setting#*=}" >"$file"
    mount --bind "$file" "/proc/sys/\${setting%=*}"
  done
  exec "$@" >>/var/log/pause-node/kubelet.log 2>&1`;

/** A standalone kubelet without a cluster: it runs the pods whose manifests lie in a folder. */
export async function kubeletDriver(scope: Scope, given: Given, runtime: Runtime, place: Place): Promise<Driver> {
  const { kubelet = "" } = given;
  mkdirSync(MANIFESTS, { recursive: true });
  const { stdout } = Bun.spawnSync([kubelet, "--version"]);
  const [version = ""] = /v\d+\.\d+\S*/.exec(stdout.toString()) ?? [];
  writeFileSync(CONFIG, JSON.stringify(configuration(runtime.socket, minor(version))));
  const options = ["--config", CONFIG, "--hostname-override", "node", ...OLD(minor(version), runtime.socket)];
  let daemon = begin();
  function begin(): Child {
    return scope.spawn(["unshare", "--mount", "sh", "-ec", LAUNCH, "kubelet", kubelet, ...options]);
  }
  const restart = async () => {
    daemon.kill("SIGTERM");
    await daemon.ended;
    daemon = begin();
  };
  const file = ({ name }: TestPod) => join(MANIFESTS, `${name}.json`);
  const run = async (pod: TestPod) => writeFileSync(file(pod), JSON.stringify(manifestOf(pod, place)));
  const remove = async (pod: TestPod) => rmSync(file(pod));
  return { name: `kubelet ${version}`, run, remove, restart };
}

const minor = (version: string) => Number(/^v1\.(\d+)/.exec(version)?.[1] ?? 0);

/**
 * KubeletConfiguration (kubelet.config.k8s.io/v1beta1) for a node without a cluster, on a machine that also does other
 * things.
 */
function configuration(socket: string, minor: number): object {
  return {
    ...{ apiVersion: "kubelet.config.k8s.io/v1beta1", kind: "KubeletConfiguration" },
    ...{ authentication: { anonymous: { enabled: true }, webhook: { enabled: false } } },
    authorization: { mode: "AlwaysAllow" },
    ...{ staticPodPath: MANIFESTS, fileCheckFrequency: "1s", syncFrequency: "10s", address: "127.0.0.1" },
    ...{ cgroupDriver: "cgroupfs", cgroupsPerQOS: true, enforceNodeAllocatable: [], failSwapOn: false },
    ...{ localStorageCapacityIsolation: false, resolvConf: "/etc/resolv.conf", evictionHard: {} },
    ...{ allowedUnsafeSysctls: ["kernel.msg*"], maxPods: 250 },
    // The disk is the host's and may be full: the kubelet's own collection could start at any time.
    imageGCHighThresholdPercent: 100,
    ...(minor >= 27 ? { containerRuntimeEndpoint: `unix://${socket}` } : {}),
    ...(minor >= 31 ? { failCgroupV1: false } : {}),
  };
}

/** Before 1.27, flags named the runtime. */
const OLD = (minor: number, socket: string): readonly string[] =>
  minor >= 27
    ? []
    : [
        ...(minor < 24 ? ["--container-runtime", "remote"] : []),
        ...["--container-runtime-endpoint", `unix://${socket}`, "--runtime-request-timeout", "2m"],
      ];
