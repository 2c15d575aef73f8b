import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ARCHITECTURES } from "../../arch/architectures.ts";
import { dateOf } from "../../build/commit.ts";
import { ownDist, unfinished } from "../../build/dist.ts";
import { build, gather, type Materials } from "../../build/stages.ts";
import { command } from "../../support/command.ts";
import { UserError } from "../../support/error.ts";
import { sha256 } from "../../support/hash.ts";
import { DIST, ROOT } from "../../support/project.ts";
import type { Scope } from "../../support/scope.ts";
import { requireCompiler } from "../bun-static/contents.ts";
import { pack } from "../bun-static/pack.ts";
import { type Executable, writeRelease } from "./folder.ts";
import { replaceFolder } from "./replace-folder.ts";
import { requirePinned } from "./require-pinned.ts";
import { releasedCommit } from "./source.ts";

const USAGE = `usage: bun run release

Builds the checked-out commit for every architecture, and writes what you publish into dist/release: the
executables, the image, their bills of materials and provenance, the licences, and the sums of all of it.`;

/** The folder of the release. */
const RELEASE = join(DIST, "release");

async function release(run: Scope): Promise<void> {
  process.chdir(ROOT);
  const commit = releasedCommit();
  await ownDist(run);
  // Find out what is missing or not as pinned before building anything.
  requireCompiler();
  const wanted: Materials[] = [];
  for (const architecture of ARCHITECTURES) {
    console.log(`for ${architecture.name}:`);
    const materials = await gather(run, architecture);
    requirePinned(materials);
    wanted.push(materials);
  }
  const fresh = unfinished(run);
  const [first, ...others] = await buildAll(run, fresh, wanted, commit);
  if (first === undefined) throw new Error("no architecture to release for");
  const folder = join(fresh, "release");
  const { name, bytes } = await pack(run);
  const paths = writeRelease(folder, [first, ...others], [{ path: name, bytes }]);
  replaceFolder(RELEASE, folder, join(fresh, "before"));
  console.log(`dist/release: pause of commit ${commit}\n${paths.map((path) => `  ${path}`).join("\n")}`);
}

async function buildAll(
  run: Scope,
  fresh: string,
  wanted: readonly Materials[],
  commit: string,
): Promise<readonly Executable[]> {
  const executables: Executable[] = [];
  for (const materials of wanted) {
    const { architecture } = materials;
    console.log(`for ${architecture.name}:`);
    const folder = join(fresh, architecture.debian);
    mkdirSync(folder, { recursive: true });
    await build(run, materials, folder);
    const bytes = readFileSync(join(folder, "pause"));
    executables.push({
      architecture,
      bytes,
      file: { name: `pause-linux-${architecture.debian}`, sha256: sha256(bytes) },
      commit,
      timestamp: dateOf(commit),
    });
  }
  // The build read the sources during all this time.
  if (releasedCommit() !== commit)
    throw new UserError(`the checkout moved from commit ${commit} to another during the build; start again`);
  return executables;
}

function asksForHelp(words: readonly string[]): boolean {
  try {
    return parseArgs({ args: [...words], options: { help: { type: "boolean", default: false } } }).values.help;
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}; see bun run release --help`);
  }
}

await command("release", async (run, words) => {
  if (asksForHelp(words)) console.log(USAGE);
  else await release(run);
});
