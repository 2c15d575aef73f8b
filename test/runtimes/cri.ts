import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { parse } from "protobufjs";

/** The kubelet's interface to container runtimes, with its own names (cri.proto). */
const { root: CRI } = parse(readFileSync(join(import.meta.dir, "cri.proto"), "utf8"));
const RUNTIME = CRI.lookupService("runtime.v1.RuntimeService");
const IMAGES = CRI.lookupService("runtime.v1.ImageService");

/** NamespaceMode: whose namespace to use. */
export type Namespace = "POD" | "CONTAINER" | "NODE";
type Mapping = { readonly hostId: number; readonly containerId: number; readonly length: number };
type Namespaces = {
  readonly network: Namespace;
  readonly pid: Namespace;
  readonly ipc: Namespace;
  readonly usernsOptions?: {
    readonly mode: "POD";
    readonly uids: readonly Mapping[];
    readonly gids: readonly Mapping[];
  };
};
type Security = {
  readonly namespaceOptions: Namespaces;
  readonly runAsUser?: { readonly value: number };
  readonly runAsGroup?: { readonly value: number };
  readonly readonlyRootfs?: boolean;
  readonly seccomp: { readonly profileType: "RuntimeDefault" };
};

export type PodSandboxConfig = {
  readonly metadata: { readonly name: string; readonly uid: string; readonly namespace: string };
  readonly hostname?: string;
  readonly logDirectory: string;
  readonly linux: {
    readonly cgroupParent: string;
    readonly securityContext: Security;
    readonly sysctls?: Readonly<Record<string, string>>;
  };
};

export type ContainerConfig = {
  readonly metadata: { readonly name: string; readonly attempt?: number };
  readonly image: { readonly image: string };
  readonly command: readonly string[];
  readonly logPath?: string;
  readonly linux: { readonly securityContext: Security };
};

/** ContainerStatus. exitCode is only valid after the exit. */
export type ContainerStatus = { readonly state: string; readonly exitCode: number };
export type Image = { readonly id: string; readonly repoTags: readonly string[]; readonly pinned: boolean };
export type Pod = { readonly id: string; readonly name: string; readonly state: string };
export type Container = { readonly id: string; readonly pod: string; readonly name: string; readonly state: string };

/** A client of the interface: gRPC on a unix socket. Each method throws an Error with the runtime's message. */
export class Cri implements Disposable {
  private readonly session: ClientHttp2Session;

  constructor(socket: string) {
    this.session = connect("http://localhost", { createConnection: () => connectSocket(socket) });
    // Each pending stream reports the error itself.
    this.session.on("error", () => undefined);
  }

  /** The runtime's own name and version. */
  async version(): Promise<string> {
    const { runtimeName, runtimeVersion } = await this.call("Version", {});
    return `${runtimeName} ${runtimeVersion}`;
  }

  async runPod(config: PodSandboxConfig): Promise<string> {
    return `${(await this.call("RunPodSandbox", { config })).podSandboxId}`;
  }

  async stopPod(podSandboxId: string): Promise<void> {
    await this.call("StopPodSandbox", { podSandboxId });
  }

  async removePod(podSandboxId: string): Promise<void> {
    await this.call("RemovePodSandbox", { podSandboxId });
  }

  async pods(): Promise<readonly Pod[]> {
    type Item = { id: string; state: string; metadata: { name: string } };
    const items = ((await this.call("ListPodSandbox", {})).items ?? []) as readonly Item[];
    return items.map(({ id, state, metadata }) => ({ id, state, name: metadata.name }));
  }

  /** The runtime's further information about a pod, as its own JSON, by name. */
  async podInfo(podSandboxId: string): Promise<Readonly<Record<string, string>>> {
    return (await this.call("PodSandboxStatus", { podSandboxId, verbose: true })).info as Record<string, string>;
  }

  /** Creates a container in a pod and starts it. */
  async run(podSandboxId: string, sandboxConfig: PodSandboxConfig, config: ContainerConfig): Promise<string> {
    const containerId = `${(await this.call("CreateContainer", { podSandboxId, config, sandboxConfig })).containerId}`;
    await this.call("StartContainer", { containerId });
    return containerId;
  }

  async containers(): Promise<readonly Container[]> {
    type Item = { id: string; podSandboxId: string; state: string; metadata: { name: string } };
    const items = ((await this.call("ListContainers", {})).containers ?? []) as readonly Item[];
    return items.map(({ id, podSandboxId, state, metadata }) => ({
      id,
      pod: podSandboxId,
      state,
      name: metadata.name,
    }));
  }

  async status(containerId: string): Promise<ContainerStatus> {
    return (await this.call("ContainerStatus", { containerId })).status as ContainerStatus;
  }

  /** Sends the container its stop signal, and after `timeout` seconds SIGKILL. */
  async stop(containerId: string, timeout: number): Promise<void> {
    await this.call("StopContainer", { containerId, timeout });
  }

  async images(): Promise<readonly Image[]> {
    return ((await this.call("ListImages", {})).images ?? []) as readonly Image[];
  }

  async removeImage(image: string): Promise<void> {
    await this.call("RemoveImage", { image: { image } });
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }

  /** Makes a call. Returns the answer, with defaults for what the runtime left out. */
  private async call(method: string, request: object): Promise<Record<string, unknown>> {
    const service = method in RUNTIME.methods ? RUNTIME : IMAGES;
    const { requestType, responseType } = service.methods[method] ?? { requestType: "", responseType: "" };
    const type = CRI.lookupType(`runtime.v1.${requestType}`);
    const encoded = type.encode(type.fromObject(request)).finish();
    const answer = CRI.lookupType(`runtime.v1.${responseType}`);
    const received = await this.unary(`/runtime.v1.${service.name}/${method}`, encoded);
    return answer.toObject(answer.decode(received), { defaults: true, enums: String });
  }

  /** A gRPC message begins with five bytes: not compressed, and its length. */
  private unary(path: string, message: Uint8Array): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const stream = this.session.request(headers);
    const received: Buffer[] = [];
    let status = "no answer";
    const read = (headers: Readonly<Record<string, unknown>>) => {
      if ("grpc-status" in headers) status = `${headers["grpc-status"]} ${headers["grpc-message"] ?? ""}`.trim();
    };
    stream.on("response", read).on("trailers", read).on("error", reject);
    stream.on("data", (chunk: Buffer) => received.push(chunk));
    stream.on("end", () =>
      status === "0" ? resolve(Buffer.concat(received).subarray(5)) : reject(new Error(`CRI ${path}: ${status}`)),
    );
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([prefix, message]));
    return promise;
  }
}
