import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ARCHITECTURES } from "../arch/architectures.ts";
import { ownDist } from "../build/dist.ts";
import { command } from "../support/command.ts";
import { UserError } from "../support/error.ts";
import { ROOT } from "../support/project.ts";
import type { Scope } from "../support/scope.ts";
import { builtArchitectures, mapOf, writeMap } from "./files.ts";
import type { PauseMap } from "./map.ts";
import { PICTURE, page } from "./map-page.ts";
import { mapTables } from "./markdown.ts";
import { picture } from "./picture.ts";

const USAGE = `usage: bun run explain [FILE] [--page]

Prints what is in the shipped file and what it does, and writes the same to dist/ARCHITECTURE/pause.map.json.
FILE must be a file that this checkout built; without FILE, it explains each of them.

  --page   writes docs/map.md and its picture; both architectures must be built`;

async function explain(run: Scope, file: string | undefined, writesPage: boolean): Promise<void> {
  await ownDist(run);
  if (file !== undefined) {
    console.log(mapTables(await mapOf(run, file)));
    return;
  }
  const built = builtArchitectures();
  if (writesPage && built.length < ARCHITECTURES.length)
    throw new UserError("docs/map.md covers every architecture; build them first: bun run build --arch all");
  const maps: PauseMap[] = [];
  for (const architecture of built) maps.push(await writeMap(run, architecture));
  if (!writesPage) {
    for (const map of maps) console.log(mapTables(map));
    return;
  }
  writeFileSync(join(ROOT, "docs", "map.md"), page(maps));
  writeFileSync(join(ROOT, "docs", PICTURE), picture(maps));
  console.log(`docs/map.md and docs/${PICTURE}: written`);
}

/** @throws UserError for words that the command does not take. */
function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { page: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
    });
    if (positionals.length > 1 || (values.page && positionals.length > 0))
      throw new Error(`${JSON.stringify(positionals.join(" "))}: too many arguments`);
    return { ...values, file: positionals[0] };
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}; see bun run explain --help`);
  }
}

await command("explain", async (run, words) => {
  const { file, page, help } = parse(words);
  if (help) console.log(USAGE);
  else await explain(run, file, page);
});
