import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { compile } from "../compile.ts";
import { ORDINARY_ENTRY } from "../link/entry.ts";
import { writeExecutable } from "../link/file.ts";
import { link, type LibraryDirs } from "../link/link.ts";
import { describe, type Machine } from "../machine/boot.ts";
import { runInMachine } from "../machine/run.ts";
import type { DonorProgram } from "./donor.ts";
import { SnapshotError } from "./error.ts";
import type { SnapshotResult } from "./snapshot.ts";

/** What the stage is made of where it has to run alone: the pinned runtime for the machine's architecture, and the libraries. */
export type StageParts = { readonly runtime: string; readonly libraryDirs: LibraryDirs };

/**
 * Takes a snapshot of `program` to `output`, as takeSnapshot does, but in an emulated machine: this stage itself runs there, compiled
 * and linked to one file that needs no other.
 * @throws SnapshotError as takeSnapshot does; MachineError when the machine fails; BuildError or LinkError when the stage cannot be made.
 */
export async function takeSnapshotIn(machine: Machine, program: DonorProgram, output: string, { runtime, libraryDirs }: StageParts): Promise<SnapshotResult> {
  const stage = `${output}.stage`;
  try {
    await compile(machine.architecture, join(import.meta.dir, "cli.ts"), stage, runtime);
    writeExecutable(stage, link(stage, readFileSync(stage), libraryDirs, ORDINARY_ENTRY).bytes);
    const { status, output: said, results } = await runInMachine(machine, {
      files: [{ path: "stage", file: stage }, { path: "donor", file: program.path }],
      command: ["/stage", JSON.stringify({ ...program, path: "/donor" }), "/snapshot", "/result"],
      results: ["snapshot", "result"],
    });
    const [snapshot, result] = [results.get("snapshot"), results.get("result")];
    if (status !== 0 || snapshot === undefined || result === undefined) {
      throw new SnapshotError(`in the ${describe(machine)} the snapshot stage ended with ${status}: ${said.trim()}`);
    }
    writeExecutable(output, snapshot);
    return JSON.parse(result.toString());
  } finally {
    rmSync(stage, { force: true });
  }
}
