import { join } from "node:path";
import { childrenOf } from "../src/support/proc.ts";
import { type Artifact, rootOf } from "./artifacts.ts";
import { NEEDS, type Need } from "./privilege.ts";
import { blockedIn, RT_SIGTIMEDWAIT } from "./proc.ts";
import { type Ending, soon } from "./wait.ts";

/**
 * Conditions that need no compiler: util-linux and sh make them, as root or in a user namespace. stage.c makes the
 * others.
 */
export type PlainConditions = {
  /** Run it as PID 1 of its own PID namespace; default: yes. */
  readonly first?: boolean;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Redirections of sh, such as `2>&-`. */
  readonly redirections?: string;
  /** How many sleeping orphans to leave to it, as PID 1. */
  readonly orphans?: number;
};

const PID_NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child"];
const OWN_USERS = ["--user", "--map-root-user"];

/** The command prefix that makes the namespace here. */
const namespace = (): readonly string[] =>
  NEEDS.namespaces.present() ? PID_NAMESPACE : [...PID_NAMESPACE, ...OWN_USERS];

/** What the plain stage needs. */
export const PLAIN_STAGE: Need = {
  name: "root with CAP_SYS_ADMIN, or a user namespace",
  present: () => NEEDS.namespaces.present() || NEEDS.userNamespace.present(),
  ordinary: true,
  packages: [],
};

/** sh starts this many future orphans and becomes the command that follows. */
const become = ({ redirections = "", orphans = 0 }: PlainConditions) => [
  "sh",
  "-c",
  `(i=0; while [ $i -lt ${orphans} ]; do (sleep 600 &); i=$((i+1)); done) >/dev/null 2>&1 & exec "$@" ${redirections}`,
  "sh",
];

function raise(artifact: Artifact, conditions: PlainConditions) {
  const { first = true, args = [], env = {} } = conditions;
  const command = first ? ["unshare", `--root=${rootOf(artifact)}`, "/pause"] : [join(rootOf(artifact), "pause")];
  return Bun.spawn([...(first ? namespace() : []), ...become(conditions), ...command, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "", ...env },
    cwd: "/",
  });
}

async function ending(stage: ReturnType<typeof raise>): Promise<Ending> {
  const [stdout, stderr, status] = await Promise.all([stage.stdout.text(), stage.stderr.text(), stage.exited]);
  return { status, stdout, stderr };
}

/** Runs `artifact` until it exits by itself. */
export const plainlyPlayed = (artifact: Artifact, conditions: PlainConditions): Promise<Ending> =>
  ending(raise(artifact, conditions));

/** Starts `artifact`, waits until it is parked, and passes its PID to `play`. Always ends it afterwards. */
export async function plainlyParked<T>(
  artifact: Artifact,
  conditions: PlainConditions,
  play: (pid: number, end: (signal: NodeJS.Signals) => Promise<Ending>) => Promise<T>,
): Promise<T> {
  const stage = raise(artifact, conditions);
  try {
    const pid = await soon(`${artifact.name} to park`, () => {
      if (stage.exitCode !== null) throw new Error(`it exited with ${stage.exitCode} before it parked`);
      const candidates = conditions.first === false ? [stage.pid] : childrenOf(stage.pid).map((child) => child.pid);
      return candidates.find((candidate) => waits(candidate));
    });
    return await play(pid, (signal) => {
      process.kill(pid, signal);
      return ending(stage);
    });
  } finally {
    stage.kill("SIGKILL");
  }
}

function waits(pid: number): boolean {
  try {
    return blockedIn(pid) === RT_SIGTIMEDWAIT;
  } catch {
    return false;
  }
}
