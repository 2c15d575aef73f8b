import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { changes, checkedOut } from "../../build/commit.ts";
import { ownDist } from "../../build/dist.ts";
import { gather, type Materials, PROVENANCE } from "../../build/stages.ts";
import { makeMap } from "../../explain/make.ts";
import { command } from "../../support/command.ts";
import { PATIENCE, parsePatience } from "../../support/patience.ts";
import { ROOT } from "../../support/project.ts";
import { stage } from "../../support/report.ts";
import type { Scope } from "../../support/scope.ts";
import { claimsAbout, readProvenance } from "./claims.ts";
import { compare } from "./compare.ts";
import { OtherFileError, VerifyError } from "./error.ts";
import { type Evidence, possibleCauses } from "./possible-causes.ts";
import { withRebuilt } from "./rebuild.ts";
import {
  ANOTHER_PROGRAM,
  describeHeaders,
  describeOther,
  describePages,
  describeSame,
  isAnotherProgram,
} from "./report.ts";
import { readSubjects, type Subject } from "./subject.ts";

const USAGE = `usage: bun run verify FILE [--patience SECONDS]

Checks whether FILE, a pause executable or an OCI archive of the image, has the bytes that this checkout
builds. It builds again in a temporary folder, compares all bytes, and prints what differs.

  --patience SECONDS   the time limit of an emulated machine (default ${PATIENCE})

The exit status is 0 if the bytes are the same, 1 if they differ, and 2 if the check could not be made.`;

/** The same exit statuses as cmp(1). */
const [SAME, OTHER, TROUBLE] = [0, 1, 2];

/** Is everything in the file at `path` the same as what is built here? */
async function verify(run: Scope, path: string, patience: number): Promise<boolean> {
  const subjects = readSubjects(path).map((each) => ({ each, said: claimsAbout(path, each) }));
  process.chdir(ROOT);
  await ownDist(run);
  const checkout = { commit: checkedOut(), changes: changes() };
  // Find out what is missing for any of them before building the first.
  const wanted: { each: Subject; said: ReturnType<typeof claimsAbout>; materials: Materials }[] = [];
  for (const { each, said } of subjects)
    wanted.push({ each, said, materials: await gather(run, each.architecture, patience) });

  let same = true;
  for (const { each, said, materials } of wanted) {
    if (wanted.length > 1) console.log(`for ${each.architecture.name}:`);
    const is = await withRebuilt(run, materials, async (folder) => {
      const rebuilt = readProvenance(join(folder, PROVENANCE));
      return report(run, each, materials, folder, { ...said, checkout, rebuilt });
    });
    same &&= is;
  }
  return same;
}

/** Reports whether one executable is the same as the one in `folder`, and if not, the differences. */
async function report(
  run: Scope,
  subject: Subject,
  materials: Materials,
  folder: string,
  evidence: Evidence,
): Promise<boolean> {
  const built = readFileSync(join(folder, "pause"));
  if (built.equals(subject.bytes)) {
    console.log(describeSame(subject, evidence));
    return true;
  }
  const comparison = compare(subject.bytes, built);
  const print = (line: string) => console.log(`  ${line}`);
  console.log(describeOther(subject, built, evidence));
  possibleCauses(subject.architecture, evidence).forEach(print);
  if (isAnotherProgram(comparison)) {
    print(ANOTHER_PROGRAM);
    return false;
  }
  describeHeaders(subject.bytes, built, comparison).forEach(print);
  const { map } = await stage("map", async () => ({
    map: await makeMap(run, subject.architecture, folder, materials),
    detail: "where the rebuild's pages come from",
  }));
  describePages(subject.bytes, built, comparison, map).forEach(print);
  return false;
}

/** @throws VerifyError for words that the command does not take. */
function parse(
  args: readonly string[],
): { readonly help: true } | { readonly help: false; readonly path: string; readonly patience: number } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { patience: { type: "string" }, help: { type: "boolean", short: "h", default: false } },
    });
    if (values.help) return { help: true };
    const [path, ...others] = positionals;
    if (path === undefined) throw new Error("name a file");
    if (others.length > 0) throw new Error(`${JSON.stringify(others.join(" "))}: too many arguments, name one file`);
    return { help: false, path, patience: parsePatience(values.patience) };
  } catch (error) {
    throw new VerifyError(`${error instanceof Error ? error.message : error}; see bun run verify --help`);
  }
}

await command(
  "verify",
  async (run, words) => {
    const wanted = parse(words);
    if (!wanted.help) return (await verify(run, wanted.path, wanted.patience)) ? SAME : OTHER;
    console.log(USAGE);
    return SAME;
  },
  (error) => (error instanceof OtherFileError ? OTHER : TROUBLE),
);
