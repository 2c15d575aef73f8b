import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ARCHITECTURES } from "../../arch/architectures.ts";
import { dateOf } from "../../build/commit.ts";
import { build, gather, type Materials } from "../../build/stages.ts";
import { UserError } from "../../support/error.ts";
import { sha256 } from "../../support/hash.ts";
import { DIST, ROOT } from "../../support/project.ts";
import { unwritable } from "../../support/report.ts";
import { type Executable, writeRelease } from "./folder.ts";
import { requirePinned } from "./require-pinned.ts";
import { releasedCommit } from "./source.ts";

const USAGE = `usage: bun run release

Builds the commit that is checked out for every architecture, and puts what is to be published into dist/release: the
executables, the image, what each is made of and how, the texts of the licences, and the sums of all of it.`;

/** Where the release is put, and where it is made. */
const RELEASE = join(DIST, "release");
const FRESH = join(DIST, ".release.new");

async function release(): Promise<void> {
  const commit = releasedCommit();
  // What is missing or not as pinned is known before anything is built.
  const wanted: Materials[] = [];
  for (const architecture of ARCHITECTURES) {
    console.log(`for ${architecture.name}:`);
    const materials = await gather(architecture);
    requirePinned(materials);
    wanted.push(materials);
  }
  try {
    // What a release that was killed left behind.
    rmSync(FRESH, { recursive: true, force: true });
    const [first, ...others] = await buildAll(wanted, commit);
    if (first === undefined) throw new Error("no architecture to release for");
    const folder = join(FRESH, "release");
    const paths = writeRelease(folder, [first, ...others]);
    put(folder);
    console.log(`dist/release: pause of commit ${commit}\n${paths.map((path) => `  ${path}`).join("\n")}`);
  } finally {
    rmSync(FRESH, { recursive: true, force: true });
  }
}

async function buildAll(wanted: readonly Materials[], commit: string): Promise<readonly Executable[]> {
  const executables: Executable[] = [];
  for (const materials of wanted) {
    const { architecture } = materials;
    console.log(`for ${architecture.name}:`);
    const folder = join(FRESH, architecture.debian);
    mkdirSync(folder, { recursive: true });
    await build(materials, folder);
    const bytes = readFileSync(join(folder, "pause"));
    executables.push({
      architecture,
      bytes,
      file: { name: `pause-linux-${architecture.debian}`, sha256: sha256(bytes) },
      commit,
      timestamp: dateOf(commit),
    });
  }
  // The sources were read over the whole time.
  if (releasedCommit() !== commit)
    throw new UserError(`another commit than ${commit} was checked out while it was built; start again`);
  return executables;
}

/** A folder cannot take another's place while that has files: the old one steps aside first. */
function put(folder: string): void {
  if (existsSync(RELEASE)) renameSync(RELEASE, join(FRESH, "before"));
  renameSync(folder, RELEASE);
}

function asksForHelp(): boolean {
  try {
    return parseArgs({ options: { help: { type: "boolean", default: false } } }).values.help;
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}; see bun run release --help`);
  }
}

try {
  process.chdir(ROOT);
  if (asksForHelp()) console.log(USAGE);
  else await release();
} catch (error) {
  const failure = error instanceof UserError ? error : unwritable("dist/release", error);
  if (failure === undefined) throw error;
  console.error(`release: ${failure.message}`);
  process.exitCode = 1;
}
