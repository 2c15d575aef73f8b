import { readFileSync } from "node:fs";
import { IMAGE } from "../runtimes/images.ts";
import type { Driver } from "./driver.ts";
import {
  containersOf,
  describe,
  eventually,
  type Figures,
  fileOf,
  isParked,
  orphans,
  type Seen,
  sandboxPid,
} from "./observe.ts";
import { PODS, type TestPod } from "./pods.ts";
import type { Runtime } from "./runtime.ts";

/** All observations of one program in the sandboxes. */
export type Outcome = { readonly seen: Seen; readonly figures: Figures };

/** How many of a node's 110 pods are deleted at once. */
const AT_ONCE = 8;
const GONE_MS = 60_000;
/** A pod whose image is gone never starts, so there is no point in waiting longer. */
const NEXT_MS = 15_000;
const COLLECTION = "image collection";

/** Runs every case on a node whose sandboxes run one program; `sha256` identifies it. */
export async function runCases(runtime: Runtime, driver: Driver, sha256: string): Promise<Outcome> {
  const outcome: Outcome = { seen: {}, figures: {} };
  for (const pod of PODS) await onePod(runtime, driver, pod, sha256, outcome);
  await restarts(runtime, driver, outcome);
  await manyAtOnce(runtime, driver, outcome);
  await collection(runtime, driver, outcome);
  return outcome;
}

/** A pod from its start to its end. */
async function onePod(
  runtime: Runtime,
  driver: Driver,
  pod: TestPod,
  sha256: string,
  { seen, figures }: Outcome,
): Promise<void> {
  using cri = runtime.cri();
  const { name } = pod;
  const asked = performance.now();
  const refused = await driver.run(pod).then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (refused !== undefined) {
    seen[name] = `not started: ${refused.replace(/ID [0-9a-f]+|"[0-9a-f]{64}"|\d{4,}/g, "…").slice(0, 400)}`;
    await driver.remove(pod).catch(() => undefined);
    return;
  }
  const pid = await eventually(() => sandboxPid(cri, name));
  const containers = (await eventually(() => containersOf(cri, pod))) ?? "not running";
  figures[`${name}: start, ms`] = performance.now() - asked;
  if (pid === undefined) seen[name] = "no sandbox";
  else if (pid === 0) seen[name] = `no sandbox process; container ${containers}`;
  else {
    await eventually(async () => (isParked(pid) ? true : undefined), 10_000);
    const { seen: kernel, resident } = describe(pid);
    const extra = [
      fileOf(pid) === sha256 ? "the file under test" : "ANOTHER FILE",
      ...(pod.shareProcesses === true ? [await orphans(pid)] : []),
      ...(pod.sysctls === undefined ? [] : [sysctlsOf(pid, pod.sysctls)]),
      ...(pod.ownUsers === true ? [usersOf(pid)] : []),
    ];
    seen[name] = [kernel, ...extra, `container ${containers}`].join("; ");
    figures[`${name}: resident, kB`] = resident;
  }
  await gone(runtime, driver, [pod], `${name}: deletion`, { seen, figures });
}

/** Field 2 of /proc/PID/uid_map (user_namespaces(7)): the host user of the pod's uid 0. */
function usersOf(pid: number): string {
  const [, outside] = readFileSync(`/proc/${pid}/uid_map`, "utf8").trim().split(/\s+/);
  return outside === "0" ? "the node's user namespace" : "a user namespace of its own";
}

/** The sysctls in a pod's own namespaces, read at the sandbox. */
function sysctlsOf(pid: number, sysctls: Readonly<Record<string, string>>): string {
  return Object.keys(sysctls)
    .map((name) => {
      const path = `/proc/sys/${name.replaceAll(".", "/")}`;
      const { stdout } = Bun.spawnSync(["nsenter", "--target", `${pid}`, "--ipc", "cat", path]);
      return `${name}=${stdout.toString().trim()}`;
    })
    .join(" ");
}

/** Removes the pods and waits until they are gone. */
async function gone(
  runtime: Runtime,
  driver: Driver,
  pods: readonly TestPod[],
  what: string,
  { seen, figures }: Outcome,
): Promise<void> {
  using cri = runtime.cri();
  const asked = performance.now();
  await Promise.all(pods.map((pod) => driver.remove(pod)));
  const names = pods.map(({ name }) => name);
  const ready = async () =>
    (await cri.pods()).filter(
      (pod) => names.some((name) => pod.name.startsWith(name)) && pod.state === "SANDBOX_READY",
    );
  const done = await eventually(async () => ((await ready()).length === 0 ? true : undefined), GONE_MS);
  seen[what] = done === true ? "gone" : `${(await ready()).length} still there after ${GONE_MS / 1000} s`;
  figures[`${what}, ms`] = performance.now() - asked;
}

/** Stops and starts each daemon under running pods: their sandboxes must stay, and another pod must start. */
async function restarts(runtime: Runtime, driver: Driver, outcome: Outcome): Promise<void> {
  const kept = [pod("kept-plain"), { ...pod("kept-shared"), shareProcesses: true }];
  for (const each of kept) await driver.run(each);
  for (const each of kept) await running(runtime, each);
  await restarted(runtime, driver, "runtime", () => runtime.restart(), kept, outcome);
  if (driver.restart !== undefined) await restarted(runtime, driver, "kubelet", driver.restart, kept, outcome);
  await gone(runtime, driver, kept, "deletion of the pods that were kept", outcome);
}

async function restarted(
  runtime: Runtime,
  driver: Driver,
  daemon: string,
  restart: () => Promise<void>,
  kept: readonly TestPod[],
  outcome: Outcome,
): Promise<void> {
  const before = await pidsOf(runtime, kept);
  await restart();
  const next = pod(`after-${daemon}`);
  await driver.run(next);
  const container = (await running(runtime, next)) === undefined ? "does not run" : "runs";
  const same = (await pidsOf(runtime, kept)) === before ? "the sandboxes are the same" : "the sandboxes are others";
  outcome.seen[`restart of the ${daemon}`] = `${same}; the next pod's container ${container}`;
  await gone(runtime, driver, [next], `deletion after the restart of the ${daemon}`, outcome);
}

/** Makes a new connection, because the runtime may have been restarted. */
async function running(runtime: Runtime, pod: TestPod): Promise<string | undefined> {
  using cri = runtime.cri();
  return await eventually(() => containersOf(cri, pod));
}

async function pidsOf(runtime: Runtime, pods: readonly TestPod[]): Promise<string> {
  using cri = runtime.cri();
  const pids = await Promise.all(pods.map(({ name }) => eventually(() => sandboxPid(cri, name), 10_000)));
  return pids.join(" ");
}

/** Deletes several at once. */
async function manyAtOnce(runtime: Runtime, driver: Driver, outcome: Outcome): Promise<void> {
  const pods = Array.from({ length: AT_ONCE }, (_, index) => ({ ...pod(`many-${index}`), shareProcesses: true }));
  for (const each of pods) await driver.run(each);
  for (const each of pods) await running(runtime, each);
  await gone(runtime, driver, pods, `deletion of ${AT_ONCE} pods at once`, outcome);
}

const pod = (name: string): TestPod => ({ name, script: "exec busybox sleep 100000" });

/**
 * Does what the kubelet's image collection does when the disk is full: removes each image that no container uses, not
 * counting the sandbox's. It leaves an image alone if the runtime pins it.
 */
async function collection(runtime: Runtime, driver: Driver, outcome: Outcome): Promise<void> {
  using cri = runtime.cri();
  const find = async () => (await cri.images()).find(({ repoTags }) => repoTags.includes(IMAGE));
  const image = await find();
  if (image === undefined || image.pinned) {
    outcome.seen[COLLECTION] = image === undefined ? "the image is gone" : "the image is pinned";
    return;
  }
  const [kept, next] = [pod("collected"), pod("after-collection")];
  await driver.run(kept);
  await running(runtime, kept);
  await cri.removeImage(image.id);
  const removed = (await find()) === undefined ? "removed" : "kept";
  const refused = await driver.run(next).then(
    () => false,
    () => true,
  );
  const runs = !refused && (await eventually(() => containersOf(cri, next), NEXT_MS)) !== undefined;
  const container = runs ? "runs" : "does not run";
  outcome.seen[COLLECTION] =
    `the image is not pinned, and ${removed} while a pod uses it; the next pod's container ${container}`;
  await gone(runtime, driver, [kept], "deletion after the collection", outcome);
}
