import { constants, copyFileSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Architecture } from "./arch/architecture.ts";
import { ARCHITECTURES, hostArchitecture } from "./arch/architectures.ts";
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

/** What a build leaves in its folder. */
const ARTIFACTS = ["pause-dynamic", "pause-static", "pause"] as const;
const PROVENANCE = "provenance.json";

/** The machine that takes the snapshot of another architecture: MiB, and more seconds than the slowest has needed. */
const MEMORY = 1024;
const PATIENCE = 900;

const root = join(import.meta.dir, "..");
const dist = join(root, "dist");

/** Builds for `architecture` into its folder below dist. */
async function build(architecture: Architecture): Promise<void> {
  const folder = join(dist, architecture.debian);
  const [dynamic, linked, snapshot] = ARTIFACTS.map((name) => join(folder, name)) as [string, string, string];
  mkdirSync(folder, { recursive: true });

  // The Bun runtime that becomes PID 1: the pinned file and no other.
  const runtime = await stage("runtime", () => fetchRuntime(architecture, join(dist, "runtime")));

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

/** What this machine runs is found in dist itself, too, each file whole or as it was. */
function putFirst(architecture: Architecture): void {
  for (const name of [...ARTIFACTS, PROVENANCE]) {
    const fresh = join(dist, `${name}.new`);
    copyFileSync(join(dist, architecture.debian, name), fresh, constants.COPYFILE_FICLONE);
    renameSync(fresh, join(dist, name));
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

const EXPECTED = [BuildError, LinkError, ElfError, SnapshotError, MachineError, DebianError];

try {
  const architectures = wanted(process.argv.slice(2));
  process.chdir(root);
  for (const architecture of architectures) {
    if (architectures.length > 1) console.log(`for ${architecture.name}:`);
    await build(architecture);
    if (architecture === hostArchitecture()) putFirst(architecture);
  }
} catch (error) {
  if (!(error instanceof Error && EXPECTED.some((kind) => error instanceof kind))) throw error;
  console.error(`build: ${error.message}`);
  process.exitCode = 1;
}
