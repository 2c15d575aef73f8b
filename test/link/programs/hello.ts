/** What every Bun since 1.2 can do, for the table of versions. */
import { Database } from "bun:sqlite";

const { two } = new Database(":memory:").query("SELECT 1 + 1 AS two").get() as { two: number };
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("served") });
console.log("hello", process.argv.slice(2).join(), two, await (await fetch(`http://127.0.0.1:${server.port}/`)).text());
server.stop(true);
