/** Hono behind TLS, with a certificate made at run time. */
import { Hono } from "hono";
import { cors } from "hono/cors";
import selfsigned from "selfsigned";

const app = new Hono().use(cors()).get("/", (context) => context.text(`over TLS, ${context.req.header("accept") ?? "anything"}`));
const { private: key, cert } = selfsigned.generate([{ name: "commonName", value: "localhost" }], { keySize: 2048, days: 1 });
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls: { key, cert }, fetch: app.fetch });
const url = `https://127.0.0.1:${server.port}/`;
const answer = await fetch(url, { headers: { accept: "text/plain" }, tls: { ca: cert, checkServerIdentity: () => undefined } });
console.log(answer.status, await answer.text(), answer.headers.get("access-control-allow-origin"));
console.log(await fetch(url).then(() => "trusted", (error: { code?: string }) => error.code));
await server.stop(true);
