/** http-proxy-3: 400 requests at once through a proxy to two servers, each with a body, each checked; then one without a server. */
import { createServer } from "node:http";
import { createProxyServer } from "http-proxy-3";

const servers = ["first", "second"].map((name) =>
  Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: async (request) => new Response(`${name} ${new URL(request.url).pathname} ${(await request.bytes()).length}`) }),
);
const proxy = createProxyServer({});
proxy.on("proxyRes", (answer) => {
  answer.headers["x-proxied"] = "yes";
});
const front = createServer((request, response) => {
  const server = servers[Number(request.headers["x-server"])];
  proxy.web(request, response, { target: server?.url.href ?? "http://127.0.0.1:1" }, (error) => {
    response.statusCode = 502;
    response.end((error as NodeJS.ErrnoException).code);
  });
});
await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
const address = front.address();
const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
const ask = (path: string, server: number, size: number) =>
  fetch(`${url}${path}`, { method: "POST", headers: { "x-server": String(server) }, body: Buffer.alloc(size, "x") });
const answers = await Promise.all(
  Array.from({ length: 400 }, async (_, n) => {
    const answer = await ask(`/${n}`, n % 2, n * 100);
    return `${answer.headers.get("x-proxied")} ${await answer.text()}` === `yes ${n % 2 === 0 ? "first" : "second"} /${n} ${n * 100}`;
  }),
);
const without = await ask("/", 2, 1);
console.log(answers.length, answers.every(Boolean), without.status, await without.text());
process.exit(0);
