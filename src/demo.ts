import { copyFileSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { command } from "./support/command.ts";
import { UserError } from "./support/error.ts";
import { childrenOf, cpuOf, field } from "./support/proc.ts";
import { DIST } from "./support/project.ts";
import type { Child, Scope } from "./support/scope.ts";

/**
 * Shows the main job: /pause alone in an empty root, as PID 1 of its own PID namespace, with orphans to reap and a
 * SIGTERM to end it. Each step prints what the kernel reports. If the system refuses the namespace or the root, the
 * demo shows what works without them, and one line says what was left out.
 */
const PAUSE = join(DIST, "pause");
const ORPHANS = 200;
/** How long to wait for each thing, s; the slowest seen were in an emulated kernel. */
const LIMIT_S = 60;
/** How long the exit may take after SIGTERM, s. */
const END_S = 10;

/** The surroundings of /pause. */
type Surroundings = {
  readonly told: string;
  /** The command that makes the namespaces in which /pause is PID 1; empty if there are none. */
  readonly namespaces: readonly string[];
  /** Is its folder its root? */
  readonly alone: boolean;
};

const OUTPUT = { stdout: "inherit", stderr: "inherit" } as const;

const PID_NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child"];

/** From most to least isolated. The first that works is used. */
const SURROUNDINGS: readonly Surroundings[] = [
  { told: "in a PID namespace of its own", namespaces: PID_NAMESPACE, alone: true },
  {
    told: "in a PID namespace and a user namespace of its own, which need no root",
    namespaces: [...PID_NAMESPACE, "--user", "--map-root-user"],
    alone: true,
  },
  { told: "in that root, as an ordinary process", namespaces: [], alone: true },
  { told: "from that folder, as an ordinary process", namespaces: [], alone: false },
];

/** The command that runs /pause. unshare(1) replaces chroot(8), which is not on an ordinary user's PATH. */
const pauseIn = (root: string, { alone }: Surroundings) =>
  alone ? ["unshare", `--root=${root}`, "/pause"] : [join(root, "pause")];

/** Each subshell starts a sleep and exits, which orphans the sleep to PID 1. */
const MAKE_ORPHANS = `i=0; while [ $i -lt ${ORPHANS} ]; do (sleep 600 &) || exit; i=$((i+1)); done`;

/** A shell as PID 1 starts making orphans, then becomes the next command, so nothing has to enter the namespace. */
const WITH_ORPHANS = ["sh", "-c", `(${MAKE_ORPHANS}) >/dev/null 2>&1 & exec "$@"`, "sh"];

/** How to see the rest: root in a container lacks a capability, or the container's sandbox refuses. */
const WAY_THERE =
  process.getuid?.() === 0
    ? "start this container with --cap-add=SYS_ADMIN (docker, podman), and run it again"
    : `sudo ${process.execPath} src/demo.ts`;

/** @returns its exit code. */
async function demo(run: Scope): Promise<number> {
  if (!existsSync(PAUSE)) throw new UserError(`${PAUSE} not found; build it first: bun run build`);
  const root = run.folder("pause-root-");
  copyFileSync(PAUSE, join(root, "pause"));
  const { size } = statSync(join(root, "pause"));
  say(`made an empty root, with one file in it: ${readdirSync(root).join(" ")} (${size} bytes)`);
  const surroundings = await possible(run, root);
  return surroundings.namespaces.length > 0 ? asFirst(run, root, surroundings) : asAnother(run, root, surroundings);
}

/** The first surroundings in which `/pause -v` runs. @throws UserError when there are none. */
async function possible(run: Scope, root: string): Promise<Surroundings> {
  let refusal = "";
  for (const each of SURROUNDINGS) {
    const { status, stdout, stderr } = await run.spawn([...each.namespaces, ...pauseIn(root, each), "-v"], {
      seconds: LIMIT_S,
    }).ended;
    if (status === 0 && stdout.startsWith("pause.ts ")) return each;
    refusal = stderr.trim() === "" ? `exit code ${status}` : stderr.trim();
  }
  throw new UserError(
    `${join(root, "pause")} does not run here (${refusal}); ` +
      "if its folder is mounted noexec, set TMPDIR to one that is not",
  );
}

/** @returns its exit code. */
async function asFirst(run: Scope, root: string, surroundings: Surroundings): Promise<number> {
  const { namespaces, told } = surroundings;
  const pod = run.spawn([...namespaces, ...WITH_ORPHANS, ...pauseIn(root, surroundings)], OUTPUT);
  const pid = await parked(pod, () => childrenOf(pod.pid).find((child) => child.name === "pause")?.pid);
  say(`started /pause ${told}: PID ${pid} here, 1 inside; resident ${field(pid, "VmRSS")}`);

  await until("a shell to leave its orphans to /pause", () =>
    childrenOf(pid).every(({ name }) => name !== "sh") ? true : undefined,
  );
  const orphans = childrenOf(pid);
  if (orphans.length === 0) throw new UserError("could not make an orphan: this system allows no more processes");
  say(`gave it ${orphans.length} orphans`);
  const before = cpuOf(pid);
  for (const orphan of orphans) process.kill(orphan.pid, "SIGKILL");
  await until("the orphans to be reaped", () => (childrenOf(pid).length === 0 ? true : undefined));
  say(`all have ended and it reaped them: no zombie is left; ${costOf("reaping them", before, cpuOf(pid))}`);
  return ended(pod, pid);
}

/** @returns its exit code. */
async function asAnother(run: Scope, root: string, surroundings: Surroundings): Promise<number> {
  const pod = run.spawn(pauseIn(root, surroundings), OUTPUT);
  const pid = await parked(pod, () => (field(pod.pid, "Name") === "pause" ? pod.pid : undefined));
  say(`started /pause ${surroundings.told}: PID ${pid}, not 1, so it warns; resident ${field(pid, "VmRSS")}`);
  const before = cpuOf(pid);
  await Bun.sleep(1000);
  say(costOf("waiting for a second", before, cpuOf(pid)));
  const code = await ended(pod, pid);
  say(`not shown, because this system allows no PID namespace: /pause as PID 1, and orphans; to see it: ${WAY_THERE}`);
  return code;
}

/** The PID of /pause, once it waits. @throws UserError when it exits instead. */
async function parked(pod: Child, find: () => number | undefined): Promise<number> {
  let over = false;
  void pod.ended.then(() => (over = true));
  const pid = await until("/pause to start", () => {
    if (over) throw new UserError("/pause exited before it was told to");
    return find();
  });
  await until("/pause to park", () => (field(pid, "State")?.startsWith("S") ? true : undefined));
  return pid;
}

/** Sends SIGTERM and waits for the exit. @returns the exit code. @throws UserError when it takes too long. */
async function ended(pod: Child, pid: number): Promise<number> {
  say("sending SIGTERM to it");
  process.kill(pid, "SIGTERM");
  const status = await withinSeconds(
    END_S,
    pod.ended.then((end) => end.status),
  );
  if (status === undefined) throw new UserError(`/pause did not exit within ${END_S} s of SIGTERM`);
  say(`/pause exited with ${status}`);
  return status;
}

const costOf = (what: string, before: number | undefined, after: number | undefined) =>
  before === undefined || after === undefined
    ? `this kernel does not report the CPU that ${what} took`
    : `${what} took /pause ${after - before} ns of CPU`;

/** Asks every 5 ms until there is an answer. @throws UserError when none comes in time. */
async function until<T>(what: string, ask: () => T | undefined): Promise<T> {
  for (const limit = performance.now() + LIMIT_S * 1000; performance.now() < limit; await Bun.sleep(5)) {
    const answer = ask();
    if (answer !== undefined) return answer;
  }
  throw new UserError(`gave up after waiting ${LIMIT_S} s for ${what}`);
}

/** What `promise` resolves to; undefined when it takes longer. */
async function withinSeconds<T>(seconds: number, promise: Promise<T>): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, seconds * 1000);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function say(line: string): void {
  console.log(`- ${line}`);
}

await command("start", demo);
