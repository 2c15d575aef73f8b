/** aedes and mqtt: a broker, 50 clients, 1000 messages each of which must be acknowledged, and a last will. */
import { createServer } from "node:net";
import { Aedes } from "aedes";
import { connectAsync } from "mqtt";

// Bun warns of a package's url.parse() in a bundle, and not in node_modules.
process.noDeprecation = true;
const broker = await Aedes.createBroker();
const server = createServer(broker.handle);
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = server.address();
const url = `mqtt://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
const clients = await Promise.all(Array.from({ length: 50 }, (_, n) => connectAsync(url, { clientId: `client ${n}`, will: { topic: "gone", payload: Buffer.from(`client ${n}`), qos: 1, retain: false } })));
const heard = new Map<string, number>();
const all = Promise.withResolvers<void>();
const gone = Promise.withResolvers<string>();
const [listener] = clients;
listener?.on("message", (topic, payload) => {
  if (topic === "gone") gone.resolve(String(payload));
  else heard.set(topic, (heard.get(topic) ?? 0) + payload.length);
  if ([...heard.values()].reduce((sum, size) => sum + size, 0) === 50 * 210) all.resolve();
});
await listener?.subscribeAsync(["data/+/x", "gone"], { qos: 1 });
await Promise.all(clients.flatMap((client, n) => Array.from({ length: 20 }, (_, size) => client.publishAsync(`data/${n}/x`, Buffer.alloc(size + 1), { qos: size % 2 === 0 ? 1 : 2 }))));
await all.promise;
console.log(heard.size, new Set(heard.values()));
clients[7]?.stream.destroy();
console.log("last will of", await gone.promise);
process.exit(0);
