import { constants, copyFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Architecture } from "./arch/architecture.ts";
import { ARCHITECTURES, hostArchitecture } from "./arch/architectures.ts";
import { BuildError } from "./stage.ts";
import { ARTIFACTS, build, DIST, isExpected, PROVENANCE, ROOT } from "./stages.ts";

/** What this machine runs is found in dist itself, too, each file whole or as it was. */
function putFirst(architecture: Architecture): void {
  for (const name of [...ARTIFACTS, PROVENANCE]) {
    const fresh = join(DIST, `${name}.new`);
    copyFileSync(join(DIST, architecture.debian, name), fresh, constants.COPYFILE_FICLONE);
    renameSync(fresh, join(DIST, name));
  }
}

/** The architectures asked for, the host's unless said otherwise. @throws BuildError for one that is not known. */
function wanted(args: readonly string[]): readonly Architecture[] {
  const names = [...ARCHITECTURES.map(({ debian }) => debian), "all"].join(", ");
  let name: string | undefined;
  try {
    ({ arch: name } = parseArgs({ args: [...args], options: { arch: { type: "string" } } }).values);
  } catch (error) {
    throw new BuildError(`${error instanceof Error ? error.message : String(error)}; usage: bun run build [--arch NAME], NAME one of ${names}`);
  }
  if (name === undefined) return [hostArchitecture()];
  if (name === "all") return ARCHITECTURES;
  const architecture = ARCHITECTURES.find(({ debian }) => debian === name);
  if (architecture === undefined) throw new BuildError(`--arch ${name}: not an architecture that pause is built for; it is one of ${names}`);
  return [architecture];
}

try {
  const architectures = wanted(process.argv.slice(2));
  process.chdir(ROOT);
  for (const architecture of architectures) {
    if (architectures.length > 1) console.log(`for ${architecture.name}:`);
    await build(architecture, join(DIST, architecture.debian));
    if (architecture === hostArchitecture()) putFirst(architecture);
  }
} catch (error) {
  if (!isExpected(error)) throw error;
  console.error(`build: ${error.message}`);
  process.exitCode = 1;
}
