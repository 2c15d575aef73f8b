/** ws: 200 websockets to one server, which answers each message to all. */
import { WebSocket, WebSocketServer } from "ws";

const CLIENTS = 200;
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
await new Promise((resolve) => server.once("listening", resolve));
server.on("connection", (socket) => socket.on("message", (data) => server.clients.forEach((client) => client.send(String(data)))));
const address = server.address();
const url = `ws://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
const { promise, resolve } = Promise.withResolvers<void>();
let received = 0;
const clients = await Promise.all(
  Array.from({ length: CLIENTS }, () => {
    const client = new WebSocket(url);
    client.on("message", () => {
      if (++received === CLIENTS * 10) resolve();
    });
    return new Promise<WebSocket>((opened) => client.once("open", () => opened(client)));
  }),
);
for (const client of clients.slice(0, 10)) client.send("hello");
await promise;
console.log("messages", received);
process.exit(0);
