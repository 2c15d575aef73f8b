/** Three servers for a client in another process: prints the port of the one that is named, and ends with its stdin. */
import { Database } from "bun:sqlite";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { Elysia, t } from "elysia";
import express from "express";
import { Hono } from "hono";

const SERVERS: Readonly<Record<string, () => number | Promise<number>>> = {
  express: () => {
    const app = express().use(express.json());
    app.post("/double", (request, response) => {
      response.json({ doubled: request.body.n * 2 });
    });
    return new Promise((resolve) => {
      const server = app.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  },
  elysia: () => {
    const body = t.Object({ n: t.Number() });
    const app = new Elysia().post("/double", ({ body: { n } }) => ({ doubled: n * 2 }), { body });
    return app.listen({ port: 0, hostname: "127.0.0.1" }).server?.port ?? 0;
  },
  "hono and drizzle": () => {
    const database = drizzle({ client: new Database(":memory:") });
    const numbers = sqliteTable("numbers", { n: integer().primaryKey(), doubled: integer().notNull(), more: text() });
    database.run("create table numbers (n integer primary key, doubled integer not null, more text)");
    const app = new Hono().post("/double", async (context) => {
      const { n } = await context.req.json<{ n: number }>();
      database.insert(numbers).values({ n, doubled: n * 2 }).onConflictDoNothing().run();
      return context.json({ doubled: database.select().from(numbers).where(eq(numbers.n, n)).get()?.doubled });
    });
    return Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: app.fetch }).port ?? 0;
  },
};
console.log(await SERVERS[process.argv[2] ?? ""]?.());
await Bun.stdin.bytes();
process.exit(0);
