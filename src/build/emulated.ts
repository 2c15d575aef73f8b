import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ORDINARY_ENTRY } from "../link/entry.ts";
import { writeExecutable } from "../link/file.ts";
import { type LibraryDirs, link } from "../link/link.ts";
import type { DonorProgram } from "../snapshot/donor.ts";
import type { SnapshotResult } from "../snapshot/snapshot.ts";
import { UserError } from "../support/error.ts";
import { ROOT } from "../support/project.ts";
import { compile } from "./compile.ts";
import { describe, type Machine } from "./machine/boot.ts";
import { runInMachine } from "./machine/run.ts";

/** What the stage is made of where it has to run alone: the pinned runtime for the machine's architecture, and the libraries. */
export type StageParts = { readonly runtime: string; readonly libraryDirs: LibraryDirs };

/** What a stage is given in a machine: files by their names in its root, its arguments, and the files it writes. */
type StageTask = {
  readonly files: readonly { readonly path: string; readonly file: string }[];
  readonly args: readonly string[];
  readonly results: readonly string[];
};

/**
 * Runs the stage whose source is `source` in an emulated machine, compiled and linked at `scratch` to one file that needs no other;
 * what it wrote, in the order of `results`.
 * @throws UserError when it fails; MachineError when the machine does; UserError or LinkError when the stage cannot be made.
 */
export async function runStageIn(
  machine: Machine,
  source: string,
  scratch: string,
  { files, args, results }: StageTask,
  { runtime, libraryDirs }: StageParts,
): Promise<readonly Buffer[]> {
  try {
    await compile(machine.architecture, source, scratch, runtime);
    writeExecutable(scratch, link(scratch, readFileSync(scratch), libraryDirs, ORDINARY_ENTRY).bytes);
    const outcome = await runInMachine(machine, {
      files: [{ path: "stage", file: scratch }, ...files],
      command: ["/stage", ...args],
      results,
    });
    const written = results.flatMap((name) => outcome.results.get(name) ?? []);
    if (outcome.status !== 0 || written.length !== results.length) {
      throw new UserError(
        `in the ${describe(machine)} the stage ended with ${outcome.status}: ${outcome.output.trim()}`,
      );
    }
    return written;
  } finally {
    rmSync(scratch, { force: true });
  }
}

/** Takes a snapshot of `program` to `output`, as takeSnapshot does, but in an emulated machine. @throws as takeSnapshot and runStageIn do. */
export async function takeSnapshotIn(
  machine: Machine,
  program: DonorProgram,
  output: string,
  parts: StageParts,
): Promise<SnapshotResult> {
  const args = [JSON.stringify({ ...program, path: "/donor" }), "/snapshot", "/result"];
  const task = { files: [{ path: "donor", file: program.path }], args, results: ["snapshot", "result"] };
  const [snapshot, result] = await runStageIn(
    machine,
    join(ROOT, "src", "snapshot", "snapshot-program.ts"),
    `${output}.stage`,
    task,
    parts,
  );
  if (snapshot === undefined || result === undefined)
    throw new UserError(`the ${describe(machine)} brought back no snapshot`);
  writeExecutable(output, snapshot);
  return JSON.parse(result.toString());
}
