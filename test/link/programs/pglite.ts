/** PGlite and drizzle: Postgres in WebAssembly, its files in memory, with a schema, a transaction that fails, and JSON. */
import { PGlite } from "@electric-sql/pglite";
import files from "./node_modules/@electric-sql/pglite/dist/pglite.data" with { type: "file" };
import code from "./node_modules/@electric-sql/pglite/dist/pglite.wasm" with { type: "file" };
import { sql } from "drizzle-orm";
import { integer, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { drizzle } from "drizzle-orm/pglite";

const compiled = async (path: string) => WebAssembly.compile(await Bun.file(path).bytes());
const client = await PGlite.create({ fsBundle: Bun.file(files), wasmModule: await compiled(code) });
const people = pgTable("people", { id: integer().primaryKey().generatedAlwaysAsIdentity(), name: text().notNull().unique(), more: jsonb() });
const database = drizzle({ client });
await database.execute(sql`create table people (id integer primary key generated always as identity, name text not null unique, more jsonb)`);
await database.insert(people).values(Array.from({ length: 200 }, (_, n) => ({ name: `name ${n}`, more: { n } })));
console.log(await database.select({ total: sql<number>`sum((${people.more} ->> 'n')::int)::int` }).from(people));
console.log(
  await database.transaction(async (inside) => {
    await inside.delete(people);
    await inside.insert(people).values([{ name: "twice" }, { name: "twice" }]);
  }).catch((error: Error) => `${(error.cause as Error | undefined)?.message ?? error.message}`),
  await database.$count(people),
);
console.log((await client.query("select to_char(date '2026-02-28' + 1, 'Day DD Mon') as day, '{1,2}'::int[] as list, 2::numeric ^ 64 as big")).rows);
await client.close();
process.exit(0);
