/** Bun: HTML routes. */
import page from "./page.html";

const server = Bun.serve({ port: 0, hostname: "127.0.0.1", development: false, routes: { "/": page, "/api": () => Response.json({ a: 1 }) } });
const at = (path: string) => new URL(path, `http://127.0.0.1:${server.port}`);
const html = await (await fetch(at("/"))).text();
const [, script = ""] = /src="([^"]+\.js)"/.exec(html) ?? [];
const [, style = ""] = /href="([^"]+\.css)"/.exec(html) ?? [];
const answers = await Promise.all([script, style, "/api"].map((path) => fetch(at(path))));
console.log(html.includes("<h1>routes</h1>"), answers.map(({ status, headers }) => `${status} ${headers.get("content-type")}`).join());
console.log((await answers[0]?.text())?.includes("from the page"), await answers[2]?.text());
await server.stop(true);
