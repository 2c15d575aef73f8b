import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeExecutable } from "../link/file.ts";
import { type LibraryDirs, link } from "../link/link.ts";
import { USER_ERROR_STATUS } from "../snapshot/as-program.ts";
import type { DonorProgram } from "../snapshot/donor.ts";
import type { SnapshotResult } from "../snapshot/snapshot.ts";
import { UserError } from "../support/error.ts";
import { ROOT } from "../support/project.ts";
import type { Scope } from "../support/scope.ts";
import { compile, ownEnvironment } from "./compile.ts";
import { describe, type Machine } from "./machine/boot.ts";
import { runInMachine } from "./machine/run.ts";

/**
 * Where a program that traces another one runs: in `machine`, or here if there is none. For the machine, the
 * program is made from the pinned runtime for its architecture and the libraries.
 */
export type Place = {
  readonly machine: Machine | undefined;
  readonly runtime: string;
  readonly libraryDirs: LibraryDirs;
};

/** The task of a stage that runs as a separate program. */
type StageTask = {
  /** Its source. */
  readonly source: string;
  /** Its input file, and another one if it needs it. */
  readonly input: string;
  readonly other?: string;
  /** The names of the files that the stage writes. */
  readonly results: readonly string[];
  /** Returns its arguments, given the paths of the input, of the results in order, and of the other file. */
  readonly args: (input: string, results: readonly string[], other: string) => readonly string[];
};

/** Time limit, s: several times what the slowest stage needed on a slow machine. */
const SECONDS_HERE = 900;
const SECONDS_TO_PROBE = 30;

/**
 * The command after it starts with umask 022, each soft limit at its maximum (Bun's compiler reserves memory at start),
 * and a stack of 8 MiB, whatever the build inherited.
 */
const WITH_OWN_LIMITS = `umask 022
for limit in t f d v; do ulimit -S -$limit "$(ulimit -H -$limit)"; done
ulimit -S -s 8192 2>/dev/null || ulimit -S -s "$(ulimit -H -s)"
exec "$@"`;

/**
 * Runs a stage as a separate process, here or in an emulated machine, in a folder beside its input. Returns the
 * contents of its results in order.
 * @throws UserError when it fails or takes too long; MachineError when the machine does; LinkError when the stage
 * cannot be made for the machine.
 */
export async function runStage(run: Scope, { machine, ...parts }: Place, task: StageTask): Promise<readonly Buffer[]> {
  await using own = run.nested();
  const folder = own.folder(".stage-", dirname(task.input));
  return await (machine === undefined ? runHere(own, folder, task) : runThere(own, folder, task, machine, parts));
}

async function runHere(run: Scope, folder: string, { source, input, other = "", results, args }: StageTask) {
  const paths = results.map((name) => join(folder, name));
  const command = ["/bin/sh", "-c", WITH_OWN_LIMITS, "sh", process.execPath, source, ...args(input, paths, other)];
  const options = { cwd: folder, env: ownEnvironment(folder), seconds: SECONDS_HERE };
  const { status, stderr, late } = await run.spawn(command, options).ended;
  if (late) throw new UserError(`it did not finish within ${SECONDS_HERE} s; try again with less load on this machine`);
  if (status === USER_ERROR_STATUS) throw new UserError(stderr.trim());
  if (status !== 0) throw new Error(`${source} exited with ${status}: ${stderr.trim()}`);
  return paths.map((path) => readFileSync(path));
}

async function runThere(
  run: Scope,
  folder: string,
  { source, input, other, results, args }: StageTask,
  machine: Machine,
  { runtime, libraryDirs }: Omit<Place, "machine">,
) {
  const stage = join(folder, "stage");
  await compile(run, machine.architecture, source, stage, runtime);
  writeExecutable(stage, link(stage, readFileSync(stage), libraryDirs, { addons: false }).bytes);
  const there = results.map((name) => `/${name}`);
  const outcome = await runInMachine(run, machine, {
    files: [
      { path: "stage", file: stage },
      { path: "input", file: input },
      ...(other === undefined ? [] : [{ path: "other", file: other }]),
    ],
    command: ["/stage", ...args("/input", there, "/other")],
    results,
  });
  const written = results.flatMap((name) => outcome.results.get(name) ?? []);
  if (outcome.status === 0 && written.length === results.length) return written;
  throw new UserError(`in the ${describe(machine)} the stage exited with ${outcome.status}: ${outcome.output.trim()}`);
}

/**
 * Takes a snapshot of `program` to `output`, as takeSnapshot does, in `place`.
 * @throws as takeSnapshot and runStage do.
 */
export async function takeSnapshotIn(
  run: Scope,
  place: Place,
  program: DonorProgram,
  output: string,
): Promise<SnapshotResult> {
  const [snapshot = Buffer.of(), result = Buffer.of()] = await runStage(run, place, {
    source: join(ROOT, "src", "snapshot", "snapshot-program.ts"),
    input: program.path,
    other: program.archive,
    results: ["snapshot", "result"],
    args: (path, results, archive) => [JSON.stringify({ ...program, path, archive }), ...results],
  });
  writeExecutable(output, snapshot);
  return JSON.parse(result.toString());
}

/** Says why no program can be traced here, which snapshot and map need; undefined if one can. */
export async function whyNotTraced(run: Scope): Promise<string | undefined> {
  const probe = join(ROOT, "src", "snapshot", "probe-program.ts");
  const { status, stderr } = await run.spawn(["/bin/sh", "-c", WITH_OWN_LIMITS, "sh", process.execPath, probe], {
    env: ownEnvironment(),
    seconds: SECONDS_TO_PROBE,
  }).ended;
  if (status === 0) return undefined;
  return stderr.trim().split("\n").at(-1) || `the attempt ended with ${status}`;
}
