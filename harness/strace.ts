import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Artifact } from "./artifacts.ts";
import { TEST_DIST } from "./compile.ts";
import { children } from "./proc.ts";
import type { Ending } from "./stage.ts";

/** What must fail with EPERM. */
export type Injection = "SIGINT" | "SIGTERM" | "SIGCHLD" | "wait";

/**
 * Runs `artifact` under strace, not as PID 1, and makes the call fail that sets up one signal, or the wait. A run
 * without failures shows which call that is, because a runtime in front of the program makes such calls too.
 */
export async function injected(artifact: Artifact, what: Injection): Promise<Ending> {
  if (what === "wait") return strace(artifact, "rt_sigtimedwait", ["-e", "inject=rt_sigtimedwait:error=EPERM"]).ending;
  const call = what === "SIGCHLD" ? "rt_sigaction" : "rt_sigprocmask";
  const plain = strace(artifact, `${call},rt_sigtimedwait`, []);
  const calls = (await plain.log()).split("\n").filter((line) => line.startsWith(`${call}(`));
  const when = indexOf(calls, what) + 1;
  return strace(artifact, call, ["-e", `inject=${call}:error=EPERM:when=${when}`]).ending;
}

/**
 * The last call that sets up this signal, alone or with the other one; for SIGINT, the call for it alone, if there is
 * one.
 */
function indexOf(calls: readonly string[], what: Injection): number {
  const name = what.slice(3);
  const alone = calls.findLastIndex((line) => line.includes(`SIG_BLOCK, [${name}]`));
  const sets =
    what === "SIGCHLD" ? calls.findLastIndex((line) => line.includes("(SIGCHLD, {sa_handler=SIG_IGN")) : alone;
  const index = sets < 0 ? calls.findIndex((line) => line.includes("SIG_BLOCK, [INT TERM]")) : sets;
  if (index < 0) throw new Error(`no call sets up ${what}:\n${calls.join("\n")}`);
  return index;
}

function strace(artifact: Artifact, calls: string, inject: readonly string[]) {
  const log = join(TEST_DIST, `strace-${artifact.name.replace(" ", "-")}-${calls}-${inject.length}.log`);
  rmSync(log, { force: true });
  const command = ["strace", "-o", log, "-e", `trace=${calls}`, ...inject, artifact.path];
  const child = Bun.spawn(command, {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "", ...artifact.env },
  });
  const ending = (async () => {
    const [stdout, stderr, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { status, stdout, stderr };
  })();
  /** The calls up to the wait; ends the run there. */
  const upToWait = async () => {
    for (let tries = 0; tries < 2000; tries++) {
      await Bun.sleep(5);
      const text = readFileSync(log, { encoding: "latin1", flag: "a+" });
      if (text.includes("rt_sigtimedwait(")) {
        for (const traced of children(child.pid)) process.kill(traced, "SIGKILL");
        await ending;
        return text;
      }
    }
    throw new Error(`${artifact.name} does not reach its wait under strace`);
  };
  return { ending, log: upToWait };
}

/** A system call that strace printed with its arguments as numbers. */
export type SeenCall = { readonly call: string; readonly args: readonly bigint[] };

/**
 * Runs `artifact` under strace, not as PID 1, and ends it with SIGTERM during its wait. Returns the calls that it makes
 * after its exec, in order.
 */
export async function straced(artifact: Artifact, args: readonly string[]): Promise<readonly SeenCall[]> {
  const log = join(TEST_DIST, `straced-${artifact.name}${args.join("")}.log`);
  rmSync(log, { force: true });
  const child = Bun.spawn(["strace", "-e", "raw=all", "-e", "signal=none", "-o", log, artifact.path, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "" },
  });
  for (let tries = 0; tries < 2000 && child.exitCode === null; tries++) {
    await Bun.sleep(5);
    const waiting = readFileSync(log, { encoding: "latin1", flag: "a+" }).includes("rt_sigtimedwait(");
    if (waiting) for (const traced of children(child.pid)) process.kill(traced, "SIGTERM");
    if (waiting) break;
  }
  await child.exited;
  return [...readFileSync(log, "latin1").matchAll(/^(\w+)\((.*?)\) += /gm)]
    .map(([, call = "", given = ""]) => ({ call, args: given.split(", ").filter(Boolean).map(BigInt) }))
    .filter(({ call }) => call !== "execve");
}
