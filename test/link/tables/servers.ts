import { readFileSync } from "node:fs";
import { join } from "node:path";
import { libraryFolder } from "../../../harness/artifacts.ts";
import { X86_64 } from "../../../src/arch/x86-64/architecture.ts";
import { bunStatic, installPrograms, succeed } from "../others.ts";
import { columns, inTurn, ratio, spread, table } from "./measure.ts";

/** The servers of programs/served.ts, and what each runs on. */
const SERVERS = {
  express: "node:http",
  elysia: "Bun.serve, with code made at run time",
  "hono and drizzle": "Bun.serve, with an insert and a select in bun:sqlite for each request",
} as const;
export const REQUESTS = 10_000;
export const AT_ONCE = 64;
/** Rounds of each server, linked and unlinked in turn; each starts the server anew. */
export const ROUNDS = 7;
/** Requests before the measured ones. */
const WARM_UP = 2_000;
/** The kernel's clock ticks of 10 ms, proc_pid_stat(5). */
const TICK_MS = 10;

type Load = { readonly perSecond: number; readonly cpu: number };

/** Requests per second, and the server's processor time for each. */
export async function serversTable(folder: string): Promise<string> {
  const sources = installPrograms();
  const [unlinked, linked] = [join(folder, "served-unlinked"), join(folder, "served-linked")];
  const compiling = ["build", "--compile", `--target=${X86_64.bunTarget}`, "served.ts", "--outfile", unlinked];
  succeed([process.execPath, ...compiling], sources);
  bunStatic([unlinked, "-o", linked], sources);
  const rows: string[][] = [];
  for (const [name, on] of Object.entries(SERVERS)) {
    console.log(name);
    const loads = await inTurn(
      ROUNDS,
      () => load(unlinked, name),
      () => load(linked, name),
    );
    const of = (field: keyof Load) => ({
      unlinked: loads.unlinked.map((each) => each[field]),
      linked: loads.linked.map((each) => each[field]),
    });
    rows.push([
      `${name} (${on})`,
      ...columns(of("perSecond"), (values) => spread(values, "/s", 0)),
      ratio(of("perSecond")),
      ...columns(of("cpu"), (values) => spread(values, "µs", 0)),
      ratio(of("cpu")),
    ]);
  }
  const costs = ["requests", "CPU a request"].flatMap((cost) => [
    `${cost}, unlinked`,
    `${cost}, linked`,
    `${cost}, linked / unlinked`,
  ]);
  return table(["server", ...costs], rows);
}

async function load(file: string, name: string): Promise<Load> {
  const env = { LD_LIBRARY_PATH: libraryFolder() };
  await using server = Bun.spawn([file, name], { env, stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const { value = new Uint8Array() } = await server.stdout.getReader().read();
  const url = `http://127.0.0.1:${Number(new TextDecoder().decode(value))}/double`;
  await ask(url, WARM_UP);
  const [start, used] = [Bun.nanoseconds(), ticks(server.pid)];
  await ask(url, REQUESTS);
  const seconds = (Bun.nanoseconds() - start) / 1e9;
  const cpu = ((ticks(server.pid) - used) * TICK_MS * 1000) / REQUESTS;
  server.stdin.end();
  if ((await server.exited) !== 0) throw new Error(`${name} ended with ${server.exitCode}`);
  return { perSecond: REQUESTS / seconds, cpu };
}

/** Sends `count` requests, AT_ONCE at a time. @throws Error unless each answer is right. */
async function ask(url: string, count: number): Promise<void> {
  let next = 0;
  const one = async () => {
    for (let n = next++; n < count; n = next++) {
      const headers = { "content-type": "application/json" };
      const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ n }) });
      const text = await answer.text();
      if (text !== `{"doubled":${n * 2}}`) throw new Error(`${url} doubled ${n} to ${answer.status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

/** Processor time of all threads of a process, user and system, in ticks. */
function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return Number(fields[11]) + Number(fields[12]);
}
