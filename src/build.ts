import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { X86_64 } from "./arch/x86-64/architecture.ts";
import { compile } from "./compile.ts";
import { ElfError } from "./elf/file.ts";
import { LinkError } from "./link/error.ts";
import { writeExecutable } from "./link/file.ts";
import { libraryDirs } from "./link/libraries.ts";
import { link } from "./link/link.ts";
import { PAUSE_ENTRY } from "./pause/entry.ts";
import { describeOthers, otherLibraries } from "./pin/libraries.ts";
import { writeProvenance } from "./provenance.ts";
import { fetchRuntime } from "./runtime.ts";
import type { DonorProgram } from "./snapshot/donor.ts";
import { SnapshotError } from "./snapshot/error.ts";
import { takeSnapshot } from "./snapshot/snapshot.ts";
import { BuildError, stage } from "./stage.ts";

const root = join(import.meta.dir, "..");
const dist = (name: string) => join(root, "dist", name);

async function build(): Promise<void> {
  process.chdir(root);
  mkdirSync(dist(""), { recursive: true });

  // The Bun runtime that becomes PID 1: the pinned file and no other.
  const runtime = await stage("runtime", () => fetchRuntime(dist("runtime")));

  // TypeScript to an executable that needs musl and libstdc++ on the machine.
  await stage("compile", () => compile(X86_64, "src/pause/main.ts", "dist/pause-dynamic", runtime.path));

  // That to one file with no interpreter.
  const linked = await stage("link", () => linkPause("dist/pause-dynamic", "dist/pause-static"));

  // The same program's memory while it waits, with only the pages it can still reach. This is what ships.
  const taken = await stage("snapshot", () => snapshotPause({ path: "dist/pause-static", start: linked.start }, "dist/pause"));

  await stage("record", () =>
    writeProvenance("dist/provenance.json", linked, ["dist/pause-dynamic", "dist/pause-static", "dist/pause"], taken),
  );
}

function linkPause(input: string, output: string) {
  const { bytes, libraries, start } = link(input, readFileSync(input), libraryDirs, PAUSE_ENTRY);
  writeExecutable(output, bytes);
  const others = otherLibraries(X86_64, libraries);
  return { bytes: bytes.length, libraries, others, start, detail: describeOthers(X86_64, others) ?? "libraries as pinned" };
}

function snapshotPause(program: DonorProgram, output: string) {
  const taken = takeSnapshot(program, output);
  return { ...taken, detail: `${taken.pages} pages, ${taken.segments} segments, ${taken.candidates} candidates` };
}

try {
  await build();
} catch (error) {
  const expected = error instanceof BuildError || error instanceof LinkError || error instanceof ElfError || error instanceof SnapshotError;
  if (!expected) throw error;
  console.error(`build: ${error.message}`);
  process.exitCode = 1;
}
