import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "./arch/architecture.ts";
import { hostArchitecture } from "./arch/architectures.ts";
import { compile } from "./compile.ts";
import { DebianError } from "./debian/error.ts";
import { fetchLibraries } from "./debian/libraries.ts";
import { ElfError } from "./elf/file.ts";
import { LinkError } from "./link/error.ts";
import { writeExecutable } from "./link/file.ts";
import { libraryDirs } from "./link/libraries.ts";
import { link, type LibraryDirs } from "./link/link.ts";
import type { Machine } from "./machine/boot.ts";
import { DEBIAN_CACHE, debianKernel } from "./machine/debian.ts";
import { MachineError } from "./machine/error.ts";
import { PAUSE_ENTRY } from "./pause/entry.ts";
import { describeOthers, otherLibraries } from "./pin/libraries.ts";
import { writeProvenance } from "./provenance.ts";
import { fetchRuntime } from "./runtime.ts";
import type { DonorProgram } from "./snapshot/donor.ts";
import { type StageParts, takeSnapshotIn } from "./snapshot/emulated.ts";
import { SnapshotError } from "./snapshot/error.ts";
import { takeSnapshot } from "./snapshot/snapshot.ts";
import { BuildError, stage } from "./stage.ts";

/** What a build leaves in its folder, and the file that tells of them. */
export const ARTIFACTS = ["pause-dynamic", "pause-static", "pause"] as const;
export const PROVENANCE = "provenance.json";

/** The repository, where the stages run, and where what was fetched for them is kept. */
export const ROOT = join(import.meta.dir, "..");
export const DIST = join(ROOT, "dist");

/** What a stage may find wrong: one line for the reader, no stack trace. */
export const isExpected = (error: unknown): error is Error => [BuildError, DebianError, ElfError, LinkError, MachineError, SnapshotError].some((kind) => error instanceof kind);

/** The machine that takes the snapshot of another architecture: MiB, and more seconds than the slowest has needed. */
const MEMORY = 1024;
const PATIENCE = 900;

/**
 * Builds for `architecture` into `folder`, from the sources in the working directory, which is ROOT.
 * @throws an error that isExpected where a stage cannot do its work.
 */
export async function build(architecture: Architecture, folder: string): Promise<void> {
  const [dynamic, linked, snapshot] = ARTIFACTS.map((name) => join(folder, name)) as [string, string, string];
  mkdirSync(folder, { recursive: true });

  // The Bun runtime that becomes PID 1: the pinned file and no other.
  const runtime = await stage("runtime", () => fetchRuntime(architecture, join(DIST, "runtime")));

  // musl and the C++ libraries: the system's, or those of Debian's packages where it has none for this architecture.
  const dirs = await foldersOf(architecture);

  // TypeScript to an executable that needs musl and libstdc++ on the machine.
  await stage("compile", () => compile(architecture, "src/pause/main.ts", dynamic, runtime.path));

  // That to one file with no interpreter.
  const parts = await stage("link", () => linkPause(architecture, dynamic, linked, dirs));

  // The same program's memory while it waits, with only the pages it can still reach. This is what ships.
  const taken = await stage("snapshot", () => snapshotPause(architecture, { path: linked, start: parts.start }, snapshot, { runtime: runtime.path, libraryDirs: dirs }));

  await stage("record", () => writeProvenance(join(folder, PROVENANCE), architecture, parts, [dynamic, linked, snapshot], taken));
}

async function foldersOf(architecture: Architecture): Promise<LibraryDirs> {
  if (architecture === hostArchitecture()) return libraryDirs;
  const folders = await fetchLibraries(architecture, DEBIAN_CACHE);
  return () => folders;
}

function linkPause(architecture: Architecture, input: string, output: string, dirs: LibraryDirs) {
  const { bytes, libraries, start } = link(input, readFileSync(input), dirs, PAUSE_ENTRY);
  writeExecutable(output, bytes);
  const others = otherLibraries(architecture, libraries);
  return { bytes: bytes.length, libraries, others, start, detail: describeOthers(architecture, others) ?? "libraries as pinned" };
}

/** Another architecture's program can only run in a machine of that architecture: the stage itself runs there. */
async function snapshotPause(architecture: Architecture, program: DonorProgram, output: string, parts: StageParts) {
  const taken = architecture === hostArchitecture() ? takeSnapshot(program, output) : await takeSnapshotIn(await machineOf(architecture), program, output, parts);
  return { ...taken, detail: `${taken.pages} pages, ${taken.segments} segments, ${taken.candidates} candidates` };
}

async function machineOf(architecture: Architecture): Promise<Machine> {
  return { architecture, processor: architecture.emulator.baseline, kernel: await debianKernel(architecture), memory: MEMORY, seconds: PATIENCE };
}
