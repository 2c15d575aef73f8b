import type { ContainerConfig, Namespace, PodSandboxConfig } from "../runtimes/cri.ts";
import { BUSYBOX } from "../runtimes/images.ts";
import { MAKE_ORPHANS } from "../runtimes/pod.ts";

/** A pod for a node, in the words of its API. */
export type TestPod = {
  readonly name: string;
  readonly shareProcesses?: boolean;
  readonly hostNamespaces?: boolean;
  /** runAsNonRoot and runAsUser of the pod, with a read-only root for its container. */
  readonly user?: number;
  readonly sysctls?: Readonly<Record<string, string>>;
  /** hostUsers: false. */
  readonly ownUsers?: boolean;
  /** The container's script, for busybox's shell. */
  readonly script: string;
  /** Does the container crash again and again? */
  readonly crashes?: boolean;
};

const STAYS = "exec busybox sleep 100000";

export const PODS: readonly TestPod[] = [
  { name: "plain", script: STAYS },
  { name: "shared-processes", shareProcesses: true, script: MAKE_ORPHANS },
  { name: "host-namespaces", hostNamespaces: true, script: STAYS },
  { name: "non-root", user: 1000, script: STAYS },
  { name: "crash-loop", crashes: true, script: "exit 3" },
  { name: "sysctls", sysctls: { "kernel.shm_rmid_forced": "1", "kernel.msgmax": "16384" }, script: STAYS },
  { name: "own-users", ownUsers: true, script: STAYS },
];

/** Can a pod have its own network? And below which folder does the runtime keep its logs? */
export type Place = { readonly network: boolean; readonly logs: string };

/** A pod as the manifest of a static one. */
export function manifestOf({ name, user, ...pod }: TestPod, { network }: Place): object {
  const host = pod.hostNamespaces === true;
  const container = {
    name: "only",
    image: BUSYBOX,
    imagePullPolicy: "Never",
    command: ["/bin/busybox", "sh", "-c", pod.script],
    securityContext: { readOnlyRootFilesystem: user !== undefined },
  };
  const securityContext = {
    seccompProfile: { type: "RuntimeDefault" },
    ...(user === undefined ? {} : { runAsNonRoot: true, runAsUser: user, runAsGroup: user }),
    sysctls: Object.entries(pod.sysctls ?? {}).map(([name, value]) => ({ name, value })),
  };
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "default" } },
    spec: {
      ...{ hostNetwork: host || !network, hostPID: host, hostIPC: host, shareProcessNamespace: pod.shareProcesses },
      ...(pod.ownUsers === true ? { hostUsers: false } : {}),
      ...{ terminationGracePeriodSeconds: 1, enableServiceLinks: false, automountServiceAccountToken: false },
      ...{ securityContext, containers: [container] },
    },
  };
}

/** The same pod as the kubelet requests it from a runtime. */
export function sandboxOf(pod: TestPod, { network, logs }: Place): PodSandboxConfig {
  return {
    metadata: { name: pod.name, uid: pod.name, namespace: "default" },
    ...(network && pod.hostNamespaces !== true ? { hostname: pod.name } : {}),
    logDirectory: `${logs}/${pod.name}`,
    linux: {
      cgroupParent: `/pods/${pod.name}`,
      securityContext: securityOf(pod, network),
      ...(pod.sysctls === undefined ? {} : { sysctls: pod.sysctls }),
    },
  };
}

export function containerOf(pod: TestPod, attempt: number, { network }: Place): ContainerConfig {
  return {
    metadata: { name: "only", attempt },
    image: { image: BUSYBOX },
    command: ["/bin/busybox", "sh", "-c", pod.script],
    logPath: `only-${attempt}.log`,
    linux: { securityContext: { ...securityOf(pod, network), readonlyRootfs: pod.user !== undefined } },
  };
}

function securityOf({ shareProcesses, hostNamespaces, user, ownUsers }: TestPod, network: boolean) {
  const own: Namespace = hostNamespaces === true ? "NODE" : "POD";
  const pid: Namespace = hostNamespaces === true ? "NODE" : shareProcesses === true ? "POD" : "CONTAINER";
  const mapping = [{ hostId: 1_000_000, containerId: 0, length: 65_536 }];
  const usernsOptions = { mode: "POD", uids: mapping, gids: mapping } as const;
  return {
    namespaceOptions: {
      ...{ network: network ? own : ("NODE" as const), pid, ipc: own },
      ...(ownUsers === true ? { usernsOptions } : {}),
    },
    seccomp: { profileType: "RuntimeDefault" } as const,
    ...(user === undefined ? {} : { runAsUser: { value: user }, runAsGroup: { value: user } }),
  };
}
