/** birpc: four workers, which hash parts of a buffer that is given to them, share one, and talk to each other. */
import { createBirpc } from "birpc";

type Remote = { digest: (bytes: ArrayBuffer) => { digest: string; bytes: ArrayBuffer }; add: (memory: SharedArrayBuffer, times: number) => void; meet: (port: MessagePort, first: boolean) => string; fail: () => void };
const workers = Array.from({ length: 4 }, () => {
  const worker = new Worker(new URL("./workers-worker.ts", import.meta.url).href);
  const remote = createBirpc<Remote, { progress: (text: string) => void }>(
    { progress: (text) => progress.push(text) },
    { post: (data: { a?: unknown[] }) => worker.postMessage(data, given(data.a)), on: (heard) => worker.addEventListener("message", ({ data }) => heard(data)) },
  );
  return { worker, remote };
});
const progress: string[] = [];
const given = (values: unknown[] = []) => values.filter((value): value is ArrayBuffer | MessagePort => value instanceof ArrayBuffer || value instanceof MessagePort);

const parts = workers.map((_, index) => new Uint8Array(1_000_000).fill(index).buffer);
const digests = await Promise.all(workers.map(({ remote }, index) => remote.digest(parts[index] ?? new ArrayBuffer())));
console.log(parts.map(({ byteLength }) => byteLength).join(), digests.map(({ digest, bytes }) => `${digest.slice(0, 8)} ${bytes.byteLength}`));
const memory = new SharedArrayBuffer(8);
await Promise.all(workers.map(({ remote }) => remote.add(memory, 10_000)));
console.log(new Int32Array(memory)[0]);
const { port1, port2 } = new MessageChannel();
console.log(await Promise.all([workers[0]?.remote.meet(port1, true), workers[1]?.remote.meet(port2, false)]));
console.log(await workers[2]?.remote.fail().catch((error: unknown) => error instanceof RangeError && error.message), progress.toSorted());
for (const { worker } of workers) worker.terminate();
process.exit(0);
