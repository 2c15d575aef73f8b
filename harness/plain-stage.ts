import { join } from "node:path";
import { childrenOf } from "../src/support/proc.ts";
import { type Artifact, rootOf } from "./artifacts.ts";
import { NEEDS, type Need } from "./privilege.ts";
import { blockedIn, RT_SIGTIMEDWAIT } from "./proc.ts";
import { type Ending, soon } from "./wait.ts";

/**
 * A stage that needs no compiler: what util-linux and sh can make of conditions. As root, or in a user namespace;
 * stage.c makes the others.
 */
export type PlainConditions = {
  /** PID 1 of a PID namespace of its own: yes, unless said otherwise. */
  readonly first?: boolean;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Redirections of sh, as `2>&-`. */
  readonly redirections?: string;
  /** So many processes that are left to it, as PID 1; they sleep. */
  readonly orphans?: number;
};

const PID_NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child"];
const OWN_USERS = ["--user", "--map-root-user"];

/** The words that make the namespace here. */
const namespace = (): readonly string[] =>
  NEEDS.namespaces.present() ? PID_NAMESPACE : [...PID_NAMESPACE, ...OWN_USERS];

/** What the plain stage needs. */
export const PLAIN_STAGE: Need = {
  name: "root with CAP_SYS_ADMIN, or a user namespace",
  present: () => NEEDS.namespaces.present() || NEEDS.userNamespace.present(),
  ordinary: true,
  packages: [],
};

/** sh, with this many orphans to come, becomes the command behind it. */
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

/** Runs `artifact` to its own end. */
export const plainlyPlayed = (artifact: Artifact, conditions: PlainConditions): Promise<Ending> =>
  ending(raise(artifact, conditions));

/**
 * Starts `artifact`, waits until it is parked, and gives its PID to `play`; it is gone afterwards however that goes.
 */
export async function plainlyParked<T>(
  artifact: Artifact,
  conditions: PlainConditions,
  play: (pid: number, end: (signal: NodeJS.Signals) => Promise<Ending>) => Promise<T>,
): Promise<T> {
  const stage = raise(artifact, conditions);
  try {
    const pid = await soon(`${artifact.name} to park`, () => {
      if (stage.exitCode !== null) throw new Error(`it ended with ${stage.exitCode} before it parked`);
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
