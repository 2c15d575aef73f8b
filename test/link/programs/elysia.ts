/** elysia: routes whose code is made at run time, 300 requests at once. */
import { Elysia, t } from "elysia";

const app = new Elysia()
  .get("/", () => "elysia")
  .post("/double", ({ body }) => body.n * 2, { body: t.Object({ n: t.Number() }) })
  .listen({ port: 0, hostname: "127.0.0.1" });
const at = `http://127.0.0.1:${app.server?.port}`;
const post = (body: unknown) =>
  fetch(`${at}/double`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
console.log(await (await fetch(at)).text(), await (await post({ n: 21 })).text(), (await post({ n: "x" })).status);
const loads = await Promise.all(Array.from({ length: 300 }, async (_, n) => Number(await (await post({ n })).text())));
console.log(loads.reduce((sum, each) => sum + each, 0));
await app.stop(true);
