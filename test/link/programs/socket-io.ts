/** socket.io: 60 clients, by WebSocket and by polling, whose every call is acknowledged, and a room. */
import { createServer } from "node:http";
import { Server } from "socket.io";
import { io } from "socket.io-client";

// Bun warns of a package's url.parse() in a bundle, and not in node_modules.
process.noDeprecation = true;
const CLIENTS = 60;
const http = createServer();
const server = new Server(http);
server.on("connection", (socket) => {
  socket.on("join", (room: string, done: (size: number) => void) => {
    void socket.join(room);
    done(socket.rooms.size);
  });
  socket.on("double", (bytes: Uint8Array, answer: (doubled: Uint8Array) => void) => answer(bytes.map((byte) => byte * 2)));
});
await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
const address = http.address();
const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
const clients = Array.from({ length: CLIENTS }, (_, index) => io(url, { transports: [index % 2 === 0 ? "websocket" : "polling"], forceNew: true }));
await Promise.all(clients.map((client) => new Promise<void>((resolve) => client.on("connect", resolve))));
const sizes = await Promise.all(clients.map((client, index) => client.emitWithAck("join", `room ${index % 3}`)));
const sums = await Promise.all(
  clients.flatMap((client, index) =>
    Array.from({ length: 10 }, async (_, call) => new Uint8Array(await client.emitWithAck("double", Uint8Array.of(index, call))).join()),
  ),
);
const wrong = sums.filter((sum, index) => sum !== `${Math.floor(index / 10) * 2},${(index % 10) * 2}`);
const heard = new Set<number>();
const all = new Promise<void>((resolve) => {
  for (const [index, client] of clients.entries()) client.on("news", () => heard.add(index).size === CLIENTS / 3 && resolve());
});
server.to("room 1").emit("news");
await all;
console.log(sizes.every((size) => size === 2), sums.length, wrong, [...heard].every((index) => index % 3 === 1), heard.size);
process.exit(0);
