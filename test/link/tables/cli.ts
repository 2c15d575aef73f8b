/**
 * Tries what is too much for every test run, and writes docs/link-tables.md: Buns and programs with the libraries of
 * several releases, and linked programs against the unlinked ones. Downloads some 70 MB for each Bun, and 105 MB of
 * other projects' executables; needs 10 GB of disk. Measures, so it wants a machine that does nothing else.
 */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { TEST_DIST } from "../../../harness/compile.ts";
import { command } from "../../../src/support/command.ts";
import type { Scope } from "../../../src/support/scope.ts";
import { succeed } from "../others.ts";
import { programsTable, RUNS } from "./programs.ts";
import { AT_ONCE, REQUESTS, ROUNDS, serversTable } from "./servers.ts";
import { shippedTable } from "./shipped.ts";
import { memoryTable, startTable } from "./start.ts";
import { fetchSuites } from "./suites.ts";
import { versionsTable } from "./versions.ts";

const FOLDER = join(TEST_DIST, "link-tables");
const OUTPUT = join(import.meta.dir, "..", "..", "..", "docs", "link-tables.md");
const WIDTH = 120;

async function main(run: Scope): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const before = loads();
  const suites = await fetchSuites(run);
  const start = await startTable(FOLDER);
  const memory = await memoryTable(FOLDER);
  const servers = await serversTable(FOLDER);
  const programs = await programsTable(suites, FOLDER);
  const shipped = await shippedTable(suites, FOLDER);
  const versions = versionsTable(suites, FOLDER);
  rmSync(FOLDER, { recursive: true });
  const large = succeed([process.execPath, join(import.meta.dir, "..", "large.ts")], TEST_DIST).trim();
  const text = `# What was tried

For anyone who wants to link a program with \`bun-static\`. You get the Buns, libraries and programs that were tried,
and what linking costs.

Made by \`npx -y bun@${Bun.version} run link:tables\` on ${new Date().toISOString().slice(0, 10)}, on x86-64 (${cpus()[0]?.model.trim()}) with Linux ${release()} and ${availableParallelism()} processors. The load average (1, 5, 15 minutes) was ${before} at the start and ${loads()} at the end: other work on the machine widens the spreads.

In all tables, "unlinked" is the executable as \`bun build --compile\` wrote it, with musl's loader and the libraries of Debian 12. Where a table has times or memory, the linked executable has the libraries of Debian 12 too. Linked and unlinked ran in turn. Each figure is the median. In brackets is the spread: all runs, or the middle eight tenths of more than ten.

## Buns and libraries

Each Bun compiled a program with bun:sqlite, a server, and a request to it. It was linked with the libraries of each release, and ran alone in a root with /dev/urandom. "runs" means that it printed what it must.

${versions}
## Programs of others

Bun ${Bun.version} compiled each program. It was linked with the libraries of each release, and ran alone in a root with /tmp. "same" means that it had the output and the exit code of the unlinked program. With Debian's libraries, an unlinked program cannot load most addons. There, "same" means the output that the addon must have, and nothing was measured.

Sizes are in bytes. The time is from start to exit, in ${RUNS} runs. The memory is the largest resident set. Both are of the whole program, most of which is not its start.

${programs}
## Programs that others ship

These command lines ship as executables of Bun 1.3. They were linked as they are in the npm package, and ran in a root with /tmp, /dev/null and /dev/urandom, without a network. "same" compares output and exit code of every command of the row. Time and memory are of \`--version\`.

${shipped}
In a root without /proc, opencode cannot list a folder's files (\`debug file list\`): Bun asks /proc for the real path of a folder.

## A program of more than 2 GiB

\`bun test/link/large.ts\` embeds a file of 2200 MiB. The linked executable has ${Number(/(\d+) bytes: runs/.exec(large)?.[1]).toLocaleString("en-US")} bytes. It ran alone in a root with /tmp, and read the end of the file.

## Start

The files were in the page cache, except in the last row.

${start}
## Memory

An idle program, half a second after its start. Both programs write as much memory: linking makes no page dirty. All other memory is pages of the executable, which the kernel can drop and read again. How many of these count depends on the page cache. If the whole file was read before, the cache has it in pages of 2 MB. The kernel then maps the linked program's code 2 MB at a time, because its address and its place in the file differ by exactly 2 MB. In the executable that Bun ${Bun.version} writes, they differ by a page more, and the kernel maps smaller parts. So a linked program can seem larger without using more.

${memory}
## Servers under load

A client in another process sent ${REQUESTS.toLocaleString("en-US")} requests, ${AT_ONCE} at once, and checked each answer. Each server started anew in each of ${ROUNDS} rounds. Client and server shared the processors.

${servers}`;
  writeFileSync(OUTPUT, wrapped(text));
  console.log(`wrote ${OUTPUT}`);
}

const loads = () =>
  loadavg()
    .map((load) => load.toFixed(1))
    .join(", ");

/** Breaks the paragraphs of a page at WIDTH columns; headings and tables stay. */
function wrapped(page: string): string {
  const paragraphs = page.split("\n\n").map((paragraph) => {
    if (/^[#|]/.test(paragraph)) return paragraph;
    let column = 0;
    return paragraph
      .trim()
      .split(/\s+/)
      .map((word, index) => {
        const breaks = index > 0 && column + 1 + word.length > WIDTH;
        column = breaks || index === 0 ? word.length : column + 1 + word.length;
        return index === 0 ? word : `${breaks ? "\n" : " "}${word}`;
      })
      .join("");
  });
  return `${paragraphs.join("\n\n").trim()}\n`;
}

await command("link:tables", main);
