import { constants, copyFileSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Architecture } from "../arch/architecture.ts";
import { ARCHITECTURES, hostArchitecture } from "../arch/architectures.ts";
import { command } from "../support/command.ts";
import { UserError } from "../support/error.ts";
import { PATIENCE, parsePatience } from "../support/patience.ts";
import { DIST, ROOT } from "../support/project.ts";
import { stage } from "../support/report.ts";
import type { Scope } from "../support/scope.ts";
import { ownDist, unfinished } from "./dist.ts";
import { ARTIFACTS, build, gather, type Materials, PROVENANCE } from "./stages.ts";

/** The command's options: the architectures, and how many seconds an emulated machine may take. */
type Wanted = { readonly architectures: readonly Architecture[]; readonly patience: number };

const NAMES = [...ARCHITECTURES.map(({ debian }) => debian), "all"].join(", ");
const USAGE =
  `usage: bun run build [--arch NAME] [--patience SECONDS], NAME is one of ${NAMES}; ` +
  `SECONDS is the time limit of an emulated machine (default ${PATIENCE})`;

/** Builds in a separate folder and moves everything into place at the end: a failed build leaves dist as it was. */
async function buildInDist(run: Scope, materials: Materials): Promise<void> {
  await using own = run.nested();
  const fresh = unfinished(own);
  await build(own, materials, fresh);
  await stage("put", () => put(materials.architecture, fresh));
}

/** This machine's build also goes into dist itself. Nothing moves until everything that takes room exists. */
function put(architecture: Architecture, fresh: string): { detail: string } {
  const names = [...ARTIFACTS, PROVENANCE];
  const first = architecture === hostArchitecture();
  if (first)
    for (const name of names) copyFileSync(join(fresh, name), join(fresh, `${name}.first`), constants.COPYFILE_FICLONE);
  const folder = join(DIST, architecture.debian);
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    renameSync(join(fresh, name), join(folder, name));
    if (first) renameSync(join(fresh, `${name}.first`), join(DIST, name));
  }
  return { detail: `dist/${architecture.debian}${first ? " and dist" : ""}` };
}

/** Returns undefined when the user asked for help. @throws UserError for words that the command does not take. */
function parse(args: readonly string[]): Wanted | undefined {
  try {
    const { arch, patience, help } = parseArgs({
      args: [...args],
      options: {
        arch: { type: "string" },
        patience: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
    return help ? undefined : { architectures: named(arch), patience: parsePatience(patience) };
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : String(error)}; ${USAGE}`);
  }
}

/** The host's architecture by default. @throws Error for an unknown one. */
function named(name: string | undefined): readonly Architecture[] {
  if (name === undefined) return [hostArchitecture()];
  if (name === "all") return ARCHITECTURES;
  const architecture = ARCHITECTURES.find(({ debian }) => debian === name);
  if (architecture === undefined) throw new Error(`--arch ${name}: pause is not built for this architecture`);
  return [architecture];
}

async function buildWanted(run: Scope, { architectures, patience }: Wanted): Promise<void> {
  process.chdir(ROOT);
  await ownDist(run);
  const announce = ({ name }: Architecture) => architectures.length > 1 && console.log(`for ${name}:`);
  // Find out what is missing for any of them before building the first.
  const wanted: Materials[] = [];
  for (const architecture of architectures) {
    announce(architecture);
    wanted.push(await gather(run, architecture, patience));
  }
  for (const materials of wanted) {
    announce(materials.architecture);
    await buildInDist(run, materials);
  }
}

await command("build", async (run, words) => {
  const wanted = parse(words);
  if (wanted === undefined) console.log(USAGE);
  else await buildWanted(run, wanted);
});
