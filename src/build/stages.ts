import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "../arch/architecture.ts";
import { hostArchitecture } from "../arch/architectures.ts";
import { writeExecutable } from "../link/file.ts";
import { libraryDirs } from "../link/libraries.ts";
import { link } from "../link/link.ts";
import { PAUSE_CALLS, PAUSE_FLAGS } from "../pause/entry.ts";
import type { DonorProgram } from "../snapshot/donor.ts";
import { PATIENCE } from "../support/patience.ts";
import { DIST } from "../support/project.ts";
import { stage } from "../support/report.ts";
import type { Scope } from "../support/scope.ts";
import { compile } from "./compile.ts";
import { fetchArchive, installedArchive } from "./debian/archive.ts";
import { fetchLibraries } from "./debian/library-packages.ts";
import { type Machine, requireEmulator } from "./machine/boot.ts";
import { DEBIAN_CACHE, debianKernel, fetchBusybox } from "./machine/debian.ts";
import { pinnedRuntime } from "./pin/pin.ts";
import { describeOthers, otherLibraries } from "./pin/pinned-libraries.ts";
import { writeProvenance } from "./provenance.ts";
import { fetchRuntime } from "./runtime.ts";
import { type Place, takeSnapshotIn, whyNotTraced } from "./stage-program.ts";

/** The files that a build leaves in its folder; provenance.json describes them. */
export const ARTIFACTS = ["pause-dynamic", "pause-static", "pause"] as const;
export const PROVENANCE = "provenance.json";

/** Memory of the machine that takes a snapshot, MiB. */
const MEMORY = 1024;

/**
 * What a build starts from: the Bun runtime that becomes PID 1; the folders of musl and the C++ libraries; musl's
 * libc.a, whose functions the snapshot contains; and the machine that takes the snapshot, if this one cannot.
 */
export type Materials = Place & { readonly architecture: Architecture; readonly archive: string };

/**
 * Fetches what a build for `architecture` starts from, and checks that everything else is installed. An emulated
 * machine gets `patience` seconds.
 * @throws UserError for the first thing that is missing.
 */
export async function gather(run: Scope, architecture: Architecture, patience = PATIENCE): Promise<Materials> {
  // Only the pinned file will do.
  const { path: runtime } = await stage("runtime", () => fetchRuntime(run, architecture, join(DIST, "runtime")));
  if (architecture === hostArchitecture())
    return {
      ...{ architecture, runtime, libraryDirs, archive: installedArchive(architecture) },
      machine: await machineInstead(run, architecture, patience),
    };

  // Debian's packages provide another architecture's libraries and the parts of its machine.
  return stage("packages", async () => {
    const machine = await machineOf(run, architecture, patience);
    const folders = await fetchLibraries(run, architecture, DEBIAN_CACHE);
    return {
      architecture,
      runtime,
      libraryDirs: () => folders,
      archive: await fetchArchive(run, architecture, DEBIAN_CACHE),
      machine,
      detail: `libraries, Linux ${machine.kernel.release}`,
    };
  });
}

/**
 * Builds from `materials` into `folder`, from the sources in the working directory, which is ROOT.
 * @throws UserError when a stage cannot do its work.
 */
export async function build(run: Scope, materials: Materials, folder: string): Promise<void> {
  const { architecture, runtime } = materials;
  const [dynamic, linked, snapshot] = ARTIFACTS.map((name) => join(folder, name)) as [string, string, string];

  // TypeScript to an executable that needs musl and libstdc++ on the machine.
  await stage("compile", () => compile(run, architecture, "src/pause/main.ts", dynamic, runtime));

  // The executable to one file without an interpreter.
  const parts = await stage("link", () => linkPause(materials, dynamic, linked));

  // The program's memory while it waits, reduced to the pages it can still reach. This is what ships.
  const { start, functions } = parts;
  const { cpuQueries } = pinnedRuntime(architecture);
  const donor = { path: linked, start, cpuQueries, functions, archive: materials.archive };
  const taken = await stage("snapshot", () => snapshotPause(run, materials, donor, snapshot));

  await stage("record", () =>
    writeProvenance(join(folder, PROVENANCE), architecture, parts, [dynamic, linked, snapshot], taken),
  );
}

function linkPause({ architecture, libraryDirs, archive }: Materials, input: string, output: string) {
  const { bytes, libraries, start, muslFunction } = link(input, readFileSync(input), libraryDirs, PAUSE_FLAGS);
  writeExecutable(output, bytes);
  const others = otherLibraries(architecture, [...libraries, archive]);
  return {
    bytes: bytes.length,
    libraries: [...libraries, archive],
    others,
    start,
    functions: Object.fromEntries(PAUSE_CALLS.map((name) => [name, muslFunction(name)])),
    detail: describeOthers(architecture, others) ?? "libraries as pinned",
  };
}

async function snapshotPause(run: Scope, materials: Materials, program: DonorProgram, output: string) {
  const taken = await takeSnapshotIn(run, materials, program, output);
  return { ...taken, detail: `${taken.pages} pages, ${taken.segments} segments, ${taken.candidates} candidates` };
}

/** The emulated machine, of this architecture, that takes the snapshot if this one cannot; says so in a line. */
async function machineInstead(run: Scope, architecture: Architecture, patience: number): Promise<Machine | undefined> {
  const why = await whyNotTraced(run);
  if (why === undefined) return undefined;
  console.log(
    `this machine cannot trace a program (${why}), so an emulated machine takes the snapshot; the bytes are the same`,
  );
  const { machine } = await stage("packages", async () => {
    const machine = await machineOf(run, architecture, patience);
    return { machine, detail: `Linux ${machine.kernel.release}` };
  });
  return machine;
}

async function machineOf(run: Scope, architecture: Architecture, seconds: number): Promise<Machine> {
  requireEmulator(architecture);
  await fetchBusybox(run, architecture);
  return {
    architecture,
    processor: architecture.emulator.baseline,
    kernel: await debianKernel(run, architecture),
    memory: MEMORY,
    seconds,
  };
}
