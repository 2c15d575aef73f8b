import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { command } from "../../support/command.ts";
import { UserError } from "../../support/error.ts";
import { DIST } from "../../support/project.ts";
import { pack } from "./pack.ts";

const USAGE = `usage: bun run pack:bun-static [--into FOLDER]

Makes the npm package bun-static of this checkout: a tarball that npm and Bun install, in FOLDER (default: dist).`;

await command("pack:bun-static", async (run, words) => {
  const { help, into } = options(words);
  if (help) return console.log(USAGE);
  const { name, bytes } = await pack(run);
  mkdirSync(into, { recursive: true });
  const path = join(into, name);
  writeFileSync(path, bytes);
  console.log(`${relative(process.cwd(), path)}: ${bytes.length.toLocaleString("en-US")} bytes`);
});

function options(words: readonly string[]): { readonly help: boolean; readonly into: string } {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: { help: { type: "boolean", default: false }, into: { type: "string", default: DIST } },
    });
    return values;
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}; see bun run pack:bun-static --help`);
  }
}
