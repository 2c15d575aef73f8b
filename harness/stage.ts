import { join } from "node:path";
import type { Subprocess } from "bun";
import { type Artifact, rootOf } from "./artifacts.ts";
import { type CProgram, compileProgram } from "./compile.ts";
import { blockedIn, children, RT_SIGTIMEDWAIT } from "./proc.ts";
import { type Ending, soon } from "./wait.ts";

export { type Ending, soon } from "./wait.ts";

// Static, so that the environment that the stage passes on does not affect the stage itself.
const program = (name: string): CProgram => ({
  name,
  source: join(import.meta.dir, `${name}.c`),
  flags: ["-O2", "-static"],
});
export const STAGE_PROGRAM = program("stage");
export const DRILL_PROGRAM = program("drill");

export type Conditions = {
  /** The conditions for stage.c to make, in its own words. */
  readonly make?: readonly string[];
  /** Run it as PID 1 of its own namespaces; default: yes. */
  readonly first?: boolean;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
};

/** A program running on the stage. */
class Actor {
  constructor(
    private readonly stage: Subprocess<"ignore", "pipe", "pipe">,
    readonly pid: number,
  ) {}

  /** Sends `signal` and waits for the exit. */
  async end(signal: "SIGTERM" | "SIGINT" | "SIGKILL" | "SIGUSR1" | "SIGPIPE" = "SIGTERM"): Promise<Ending> {
    process.kill(this.pid, signal);
    return ending(this.stage);
  }

  send(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }
}

/** Starts `artifact`, waits until it is parked, and passes it to `play`. Always ends it afterwards. */
export async function parked<T>(
  artifact: Artifact,
  conditions: Conditions,
  play: (actor: Actor) => Promise<T>,
): Promise<T> {
  const stage = raise(artifact, conditions);
  try {
    const pid = await soon(`${artifact.name} to park`, () => parkedChild(stage));
    return await play(new Actor(stage, pid));
  } finally {
    stage.kill("SIGKILL");
  }
}

/** Runs `artifact` until it exits by itself. */
export async function played(artifact: Artifact, conditions: Conditions): Promise<Ending> {
  const stage = raise(artifact, conditions);
  try {
    return await ending(stage);
  } finally {
    stage.kill("SIGKILL");
  }
}

/** Runs a drill of drill.c and returns its output, which is empty if all went well. */
export async function drill(...args: (string | number)[]): Promise<string> {
  const child = Bun.spawn([compileProgram(DRILL_PROGRAM), ...args.map(String)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return status === 0 ? "" : `${out}${err}drill ${args[0]} ended with ${status}`;
}

/** Medians for two programs, run in turn, from exec to parked and from SIGTERM to exit: ns. */
export async function times(count: number, path: string, other: string): Promise<{ start: number; end: number }[]> {
  const lines = await Bun.$`${compileProgram(DRILL_PROGRAM)} times ${count} ${path} ${other}`.text();
  return lines
    .trim()
    .split("\n")
    .map((line) => line.split(" ").map(Number))
    .map(([start = Number.NaN, end = Number.NaN]) => ({ start, end }));
}

function raise(artifact: Artifact, { make = [], first = true, args = [], env = {}, cwd = "/" }: Conditions) {
  const place = artifact.alone && first ? [`root=${rootOf(artifact)}`] : [];
  const program = artifact.alone && first ? "/pause" : artifact.path;
  // Open devices while they are visible, and drop privileges when nothing needs them any more.
  const outside = make.filter((condition) => condition !== "hardened");
  const last = make.filter((condition) => condition === "hardened");
  const command = [
    compileProgram(STAGE_PROGRAM),
    ...(first ? ["pidns"] : []),
    ...outside,
    ...place,
    ...last,
    "--",
    program,
    ...args,
  ];
  return Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { ...artifact.env, ...env }, cwd });
}

async function ending(stage: Subprocess<"ignore", "pipe", "pipe">): Promise<Ending> {
  const [stdout, stderr, status] = await Promise.all([stage.stdout.text(), stage.stderr.text(), stage.exited]);
  return { status, stdout, stderr };
}

/** @throws Error when the program has exited instead. */
function parkedChild(stage: Subprocess): number | undefined {
  if (stage.exitCode !== null) throw new Error(`it exited with ${stage.exitCode} before it parked`);
  try {
    return children(stage.pid).find((child) => blockedIn(child) === RT_SIGTIMEDWAIT);
  } catch {
    return undefined;
  }
}
