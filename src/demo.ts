import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "./support/error.ts";
import { DIST } from "./support/project.ts";

/**
 * The main job before the reader's eyes: /pause alone in an empty root, as PID 1 of a PID namespace of its own, with
 * orphans to reap and a SIGTERM to end on. Each step prints what the kernel says of it.
 */
const PAUSE = join(DIST, "pause");
const ORPHANS = 200;

async function demo(): Promise<void> {
  requireRootAndFile();
  const root = mkdtempSync(join(tmpdir(), "pause-root-"));
  try {
    copyFileSync(PAUSE, join(root, "pause"));
    say(
      `made an empty root, with one file in it: ${readdirSync(root).join(" ")} (${Bun.file(join(root, "pause")).size} bytes)`,
    );
    await runPod(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

async function runPod(root: string): Promise<void> {
  const pod = Bun.spawn(["unshare", "--pid", "--fork", "--kill-child", "chroot", root, "/pause"], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  try {
    const pid = await until("/pause to start", () => firstChild(pod.pid));
    await until("/pause to park", () => (status(pid, "State").startsWith("S") ? true : undefined));
    say(
      `started /pause in a PID namespace of its own: PID ${pid} here, ${status(pid, "NSpid").split(/\s+/).at(-1)} in there; resident ${status(pid, "VmRSS")}`,
    );

    const before = cpuNanoseconds(pid);
    makeOrphans(pid);
    say(`left ${childCount(pid)} orphans to it`);
    await until("the orphans to be reaped", () => (childCount(pid) === 0 ? true : undefined));
    say(
      `all have ended and none is left, not as a zombie either; reaping them took /pause ${cpuNanoseconds(pid) - before} ns of CPU`,
    );

    Bun.spawnSync(["nsenter", "--target", `${pid}`, "--pid", "kill", "-TERM", "1"]);
    say("sent SIGTERM to PID 1 from inside the namespace");
    const code = await pod.exited;
    say(`/pause ended with exit code ${code}`);
    if (code !== 0) process.exitCode = 1;
  } finally {
    pod.kill("SIGKILL");
  }
}

function requireRootAndFile(): void {
  if (process.getuid?.() !== 0)
    throw new UserError("making a PID namespace and an empty root needs root; run it as root");
  if (!existsSync(PAUSE)) throw new UserError(`${PAUSE} is not there; build it first: bun run build`);
}

/** Each subshell starts a sleep and ends, which leaves the sleep to PID 1. */
function makeOrphans(pid: number): void {
  const script = `i=0; while [ $i -lt ${ORPHANS} ]; do (sleep 1 &); i=$((i+1)); done`;
  Bun.spawnSync(["nsenter", "--target", `${pid}`, "--pid", "sh", "-c", script], {
    stdio: ["ignore", "ignore", "ignore"],
  });
}

/** A field of /proc/PID/status, proc(5). */
function status(pid: number, field: string): string {
  return new RegExp(`^${field}:\\s+(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "unknown";
}

/** /proc/PID/task/TID/children, proc(5): zombies count too. */
const children = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim().split(" ").filter(Boolean).map(Number);
const childCount = (pid: number) => children(pid).length;

function firstChild(pid: number): number | undefined {
  const [child] = children(pid);
  return child !== undefined && readFileSync(`/proc/${child}/comm`, "latin1") === "pause\n" ? child : undefined;
}

/** The first number of /proc/PID/schedstat: time on a CPU, ns. */
const cpuNanoseconds = (pid: number) => Number(readFileSync(`/proc/${pid}/schedstat`, "latin1").split(" ")[0]);

/** Asks every 5 ms until there is an answer. @throws UserError when there is none within 30 s. */
async function until<T>(what: string, ask: () => T | undefined): Promise<T> {
  for (let tries = 0; tries < 6000; tries++) {
    const answer = ask();
    if (answer !== undefined) return answer;
    await Bun.sleep(5);
  }
  throw new UserError(`waited 30 s for ${what}, in vain`);
}

const say = (line: string) => console.log(`- ${line}`);

try {
  await demo();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(`start: ${error.message}`);
  process.exitCode = 1;
}
