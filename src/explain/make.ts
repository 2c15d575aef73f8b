import { readFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import type { Architecture } from "../arch/architecture.ts";
import { hostArchitecture } from "../arch/architectures.ts";
import { archiveFor } from "../build/debian/archive.ts";
import { DEBIAN_CACHE } from "../build/machine/debian.ts";
import { type Place, runStage, whyNotTraced } from "../build/stage-program.ts";
import { ARTIFACTS, gather } from "../build/stages.ts";
import * as elf from "../elf/constants.ts";
import { ElfFile } from "../elf/file.ts";
import { libraryDirs } from "../link/libraries.ts";
import { Members } from "../link/members.ts";
import { PAUSE_CALLS } from "../pause/entry.ts";
import { UserError } from "../support/error.ts";
import { sha256 } from "../support/hash.ts";
import { DIST } from "../support/project.ts";
import type { Scope } from "../support/scope.ts";
import { findCallSites } from "./call-sites.ts";
import { FORMAT, type MappedScenario, type Origin, type PauseMap } from "./map.ts";
import { OriginFinder } from "./origins.ts";
import type { TracedRun } from "./trace.ts";

/**
 * Makes the map of the build for `architecture` in `folder` by tracing it, on this machine or in an emulated one.
 * `materials`: what a build for it starts from, if already gathered.
 * @throws UserError when it was not built, or its parts are of several builds; what a stage of the build throws.
 */
export async function makeMap(
  run: Scope,
  architecture: Architecture,
  folder = join(DIST, architecture.debian),
  materials?: Place,
): Promise<PauseMap> {
  const [linked, file] = ARTIFACTS.slice(1).map((name) => readBuilt(architecture, join(folder, name))) as [
    ElfFile,
    ElfFile,
  ];
  const runs = await seen(run, architecture, file.name, materials);
  const members = new Members(architecture, await archiveFor(run, architecture, DEBIAN_CACHE), PAUSE_CALLS);
  const origins = new OriginFinder(file, { architecture, members, runs });
  return {
    ...FORMAT,
    version,
    architecture: architecture.debian,
    file: { bytes: file.bytes.length, sha256: sha256(file.bytes), entry: file.entry },
    linked: { sha256: sha256(linked.bytes) },
    parts: origins.parts(),
    pages: origins.pages(),
    scenarios: runs.map((run) => scenarioOf(architecture, origins, run)),
    callSites: callSitesOf(architecture, origins, runs),
    executedInstructions: new Set(runs.flatMap(({ instructions }) => instructions.map(([address]) => address))).size,
  };
}

function readBuilt({ debian }: Architecture, path: string): ElfFile {
  try {
    return new ElfFile(path, readFileSync(path));
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new UserError(`${path}: ${error.message}; build it first: bun run build --arch ${debian}`);
  }
}

/** Traces what the file does. */
async function seen(
  run: Scope,
  architecture: Architecture,
  path: string,
  materials?: Place,
): Promise<readonly TracedRun[]> {
  const place = materials ?? (await placeFor(run, architecture));
  const [traced = Buffer.of()] = await runStage(run, place, {
    source: join(import.meta.dir, "trace-program.ts"),
    input: path,
    results: ["trace"],
    args: (file, results) => [file, ...results],
  });
  return JSON.parse(traced.toString());
}

/** Tracing a file of this machine's architecture here needs nothing of the build. */
async function placeFor(run: Scope, architecture: Architecture): Promise<Place> {
  const here = architecture === hostArchitecture() && (await whyNotTraced(run)) === undefined;
  return here ? { machine: undefined, runtime: "", libraryDirs } : gather(run, architecture);
}

function scenarioOf(
  { processor: { systemCallInstruction } }: Architecture,
  origins: OriginFinder,
  { scenario, calls, instructions, faults }: TracedRun,
): MappedScenario {
  const counts = new Map<Origin, number>();
  for (const [address, count] of instructions) {
    const origin = origins.originOf(address);
    counts.set(origin, (counts.get(origin) ?? 0) + count);
  }
  const place = (behind: number) => ({
    at: behind - systemCallInstruction.length,
    by: origins.by(behind - systemCallInstruction.length),
  });
  return {
    name: scenario,
    calls: calls.map(({ call, args, behind, woken }) => ({ call, args, ...place(behind), woken })),
    instructions: Object.fromEntries(counts),
    faults,
  };
}

function callSitesOf(architecture: Architecture, origins: OriginFinder, runs: readonly TracedRun[]) {
  const { file } = origins;
  const executable = file
    .segmentsOf(elf.PT_LOAD)
    .flatMap(({ vaddr, offset, filesz, flags }) =>
      flags & elf.PF_X ? [{ address: vaddr, bytes: file.bytes.subarray(offset, offset + filesz) }] : [],
    );
  const size = architecture.processor.systemCallInstruction.length;
  const calls = runs.flatMap((run) => run.calls);
  return findCallSites(architecture, executable).map(({ address, bytes }) => ({
    ...{ address, bytes, by: origins.by(address) },
    calls: [...new Set(calls.filter(({ behind }) => behind - size === address).map(({ call }) => call))].toSorted(),
  }));
}
