import { createHash } from "node:crypto";
import { createBirpc } from "birpc";

declare const self: Worker;
const given = (value: unknown): ArrayBuffer[] => (typeof value === "object" && value !== null && "bytes" in value && value.bytes instanceof ArrayBuffer ? [value.bytes] : []);
const remote = createBirpc<{ progress: (text: string) => void }>(
  {
    async digest(bytes: ArrayBuffer) {
      await remote.progress(`got ${new Uint8Array(bytes)[0]}`);
      return { digest: createHash("sha256").update(new Uint8Array(bytes)).digest("hex"), bytes };
    },
    add(memory: SharedArrayBuffer, times: number) {
      for (let time = 0; time < times; time++) Atomics.add(new Int32Array(memory), 0, 1);
    },
    meet: (port: MessagePort, first: boolean) =>
      new Promise((resolve) => {
        port.onmessage = ({ data }) => {
          if (!first) port.postMessage(new Map([["back", data.get("there") + 1n]]));
          resolve([...data.keys()].join());
        };
        if (first) port.postMessage(new Map([["there", 2n ** 64n]]));
      }),
    fail() {
      throw new RangeError("thrown in a worker");
    },
  },
  { post: (data: { r?: unknown }) => self.postMessage(data, given(data.r)), on: (heard) => self.addEventListener("message", ({ data }) => heard(data)) },
);
