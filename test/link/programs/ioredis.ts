/** ioredis: 1000 commands in one pipeline to a small server of its protocol, a message, an error, and a lost connection. */
import { createServer, type Socket } from "node:net";
import { Redis } from "ioredis";

const values = new Map<string, string>();
const listeners = new Set<Socket>();
const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
function answer(socket: Socket, [name = "", key = "", value = ""]: readonly string[]): string {
  if (name === "set") values.set(key, value);
  if (name === "get") return values.has(key) ? bulk(values.get(key) ?? "") : "$-1\r\n";
  if (name === "subscribe") listeners.add(socket);
  if (name === "subscribe") return `*3\r\n${bulk("subscribe")}${bulk(key)}:1\r\n`;
  if (name === "publish") for (const each of listeners) each.write(`*3\r\n${bulk("message")}${bulk(key)}${bulk(value)}`);
  if (name === "publish") return `:${listeners.size}\r\n`;
  if (name === "incr") return "-WRONGTYPE not a number\r\n";
  if (name === "drop") setImmediate(() => socket.destroy());
  return "+OK\r\n";
}
const server = createServer((socket) => {
  let text = "";
  socket.on("data", (data) => {
    text += data.toString("latin1");
    for (;;) {
      const lines = text.split("\r\n");
      const count = Number(lines[0]?.slice(1));
      if (lines.length < count * 2 + 2) break;
      const words = Array.from({ length: count }, (_, index) => lines[index * 2 + 2] ?? "");
      text = lines.slice(count * 2 + 1).join("\r\n");
      socket.write(answer(socket, [words[0]?.toLowerCase() ?? "", ...words.slice(1)]));
    }
  });
  socket.on("error", () => {});
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = server.address();
const port = typeof address === "object" && address !== null ? address.port : 0;
const options = { host: "127.0.0.1", port, protocol: 2 as const, enableReadyCheck: false, disableClientInfo: true };
const redis = new Redis(options);
const pipeline = redis.pipeline();
for (let n = 0; n < 500; n++) pipeline.set(`key ${n}`, `value ${n}`).get(`key ${n}`);
const results = (await pipeline.exec()) ?? [];
console.log(results.length, results.filter(([error, value], n) => error !== null || value !== (n % 2 === 0 ? "OK" : `value ${(n - 1) / 2}`)));
const other = new Redis(options);
await other.subscribe("news");
const message = new Promise((resolve) => other.once("message", (channel, text) => resolve(`${channel}: ${text}`)));
console.log(await redis.publish("news", "hello"), await message);
console.log(await redis.get("nothing"), await redis.incr("key 1").catch((error: Error) => error.message));
const again = new Promise<void>((resolve) => redis.once("ready", resolve));
await redis.call("drop");
await again;
console.log("connected again", await redis.get("key 7"));
process.exit(0);
