import { dlopen, read } from "bun:ffi";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { UserError } from "./error.ts";

export type SpawnOptions = {
  readonly cwd?: string;
  /** The whole environment; this process's by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: none. Stdout and stderr are collected unless they go elsewhere. */
  readonly stdin?: "ignore" | "inherit";
  readonly stdout?: "pipe" | "inherit" | "ignore";
  readonly stderr?: "pipe" | "inherit" | "ignore";
  /** Time limit, s. A slower process is killed. */
  readonly seconds?: number;
  /** The most bytes to collect of each of stdout and stderr; the rest is read and dropped. Default: all. */
  readonly most?: number;
};

/** How a process ended. */
export type Ending = {
  /** The exit status; 128 plus the signal's number if a signal killed it. */
  readonly status: number;
  readonly signal: NodeJS.Signals | null;
  /** The process exceeded its time limit and was killed. */
  readonly late: boolean;
  /** Everything that the process wrote; empty if it was not collected. */
  readonly stdout: string;
  readonly stderr: string;
};

/** A running process. */
export type Child = {
  readonly pid: number;
  /** Resolves when nothing of its process group runs any more. Rejects with the reason of the scope's abort. */
  readonly ended: Promise<Ending>;
  /** Sends `signal` to its process group. */
  readonly kill: (signal: NodeJS.Signals) => void;
};

/** How long to read a pipe after its process has ended while one that left the group still holds it, ms. */
const STRAGGLER_MS = 1000;
/** How long a killed process group may take to disappear, ms. */
const DYING_MS = 2000;
/** How often to retry a held lock, ms. */
const RETRY_MS = 200;

/** What must happen when the process exits, even though nothing can be awaited by then. */
const atExit = new Set<() => void>();
process.on("exit", () => {
  for (const act of [...atExit].toReversed()) act();
});

/**
 * Owns what a run starts: processes, folders, locks, and anything else that it is given. All of it ends with the scope,
 * last first: `await using run = new Scope()`. An aborted scope starts nothing more.
 */
export class Scope implements AsyncDisposable {
  readonly #controller = new AbortController();
  readonly #parent: Scope | undefined;
  readonly #ends = new Set<() => void | Promise<void>>();
  readonly #end = () => this[Symbol.asyncDispose]();
  readonly #follow = () => this.abort(this.#parent?.signal.reason);

  constructor(parent?: Scope) {
    this.#parent = parent;
    if (parent === undefined) return;
    parent.signal.throwIfAborted();
    parent.#ends.add(this.#end);
    parent.signal.addEventListener("abort", this.#follow, { once: true });
  }

  /** Aborted when the run must end early; its reason is an error. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** A scope inside this one. It ends with this one at the latest. */
  nested(): Scope {
    return new Scope(this);
  }

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** Calls `end` when the scope ends. Returns a function that cancels this. */
  defer(end: () => void | Promise<void>): () => void {
    this.signal.throwIfAborted();
    this.#ends.add(end);
    return () => this.#ends.delete(end);
  }

  /**
   * Starts a command in its own session and process group, with no signal ignored or blocked, whatever this process
   * inherited.
   * @throws UserError when there is no such command; the reason of the abort.
   */
  spawn(command: readonly string[], options: SpawnOptions = {}): Child {
    this.signal.throwIfAborted();
    const { cwd, env = process.env, seconds, most, stdin = "ignore", stdout = "pipe", stderr = "pipe" } = options;
    const [name = "", ...args] = command;
    const path = Bun.which(name, { PATH: process.env.PATH ?? "", ...(cwd === undefined ? {} : { cwd }) });
    if (path === null) throw new UserError(`${name}: command not found; install it, or add its folder to PATH`);
    const child = Bun.spawn([...launcher(path), path, ...args], {
      ...(cwd === undefined ? {} : { cwd }),
      ...{ env: { ...env }, stdin, stdout, stderr },
      // setsid(2): the terminal signals only this process, and the scope ends the others in order.
      detached: true,
    });
    return this.#own(child, seconds, most);
  }

  #own(child: Subprocess, seconds: number | undefined, most: number | undefined): Child {
    const { pid } = child;
    let late = false;
    const end = () => killGroup(pid, "SIGKILL");
    const tooLate = () => {
      late = true;
      end();
    };
    const limit = seconds === undefined ? undefined : setTimeout(tooLate, seconds * 1000);
    atExit.add(end);
    this.signal.addEventListener("abort", end, { once: true });
    const release = async (): Promise<void> => {
      await child.exited;
      clearTimeout(limit);
      await groupGone(pid);
      atExit.delete(end);
      this.signal.removeEventListener("abort", end);
      this.#ends.delete(stop);
    };
    const released = release();
    const stop = async (): Promise<void> => {
      end();
      await released;
    };
    this.#ends.add(stop);
    const ending = async (): Promise<Ending> => {
      const said = [child.stdout, child.stderr].map((stream) => collect(stream, released, most));
      await released;
      const [stdout = "", stderr = ""] = await Promise.all(said);
      this.signal.throwIfAborted();
      return { ...statusOf(child), late, stdout, stderr };
    };
    const ended = ending();
    // The caller that awaits it handles it.
    ended.catch(() => {});
    return { pid, ended, kill: (signal) => killGroup(pid, signal) };
  }

  /** Makes a folder `parent`/`prefix`XXXXXX; the scope's end removes it. @throws UserError when that fails. */
  folder(prefix: string, parent?: string): string {
    this.signal.throwIfAborted();
    const path = makeFolder(prefix, parent);
    const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    const end = () => {
      remove();
      atExit.delete(end);
    };
    atExit.add(end);
    this.#ends.add(end);
    return path;
  }

  /**
   * Takes the lock of the folder `path` (flock(2)) until the scope ends. If another process holds it, calls `wait` with
   * that process and waits. A dead process holds no lock. On a file system without locks, nothing waits.
   * @throws the reason of the abort; what open(2) says of the folder.
   */
  async lock(path: string, wait: (holder: string) => void): Promise<void> {
    const descriptor = openSync(path, "r");
    this.defer(() => closeSync(descriptor));
    for (let told = false; flock(descriptor) === "held"; told = true) {
      if (!told) wait(holderOf(path));
      await this.sleep(RETRY_MS);
    }
  }

  /** Waits for `ms` milliseconds. @throws the reason of the abort, at once. */
  async sleep(ms: number): Promise<void> {
    this.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const stop = () => reject(this.signal.reason);
    this.signal.addEventListener("abort", stop, { once: true });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener("abort", stop);
    }
  }

  /** Ends everything in the scope, last first. @throws the first error. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#parent !== undefined) {
      this.#parent.#ends.delete(this.#end);
      this.#parent.signal.removeEventListener("abort", this.#follow);
    }
    const failures: unknown[] = [];
    for (const end of [...this.#ends].toReversed()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
      this.#ends.delete(end);
    }
    if (failures.length > 0) throw failures[0];
  }
}

function statusOf({ exitCode, signalCode }: Subprocess): Pick<Ending, "status" | "signal"> {
  if (signalCode === null) return { status: exitCode ?? 0, signal: null };
  const [name, number] = Object.entries(constants.signals).find(([name]) => name === signalCode) ?? [signalCode, 0];
  return { status: 128 + number, signal: `${name}` as NodeJS.Signals };
}

/**
 * coreutils' env(1) empties the signal mask, which exec keeps; Bun.spawn resets the dispositions. setpriv(1) has the
 * kernel kill the command if this process dies of a SIGKILL, which no scope sees (PR_SET_PDEATHSIG, prctl(2)).
 */
let launching: readonly string[] | undefined;
function launcher(path: string): readonly string[] {
  launching ??= [
    ["env", "--default-signal"],
    ["setpriv", "--pdeathsig", "KILL"],
  ].flatMap(working);
  // env(1) reads a word with = as a variable.
  return path.includes("=") ? [] : launching;
}

/** Returns `command` with its path if it starts another command here, otherwise nothing: busybox has no such option. */
function working([name = "", ...options]: readonly string[]): readonly string[] {
  const path = Bun.which(name);
  return path !== null && Bun.spawnSync([path, ...options, "true"]).success ? [path, ...options] : [];
}

/** Does nothing if the group is gone. */
function killGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch {
    return false;
  }
}

/** Kills the rest of a group whose leader has ended, and waits until it is gone. */
async function groupGone(leader: number): Promise<void> {
  const limit = performance.now() + DYING_MS;
  while (killGroup(leader, "SIGKILL") && performance.now() < limit && !onlyZombies(leader)) await Bun.sleep(5);
}

/** Has every process of the group ended, so that only PID 1 has yet to reap it? Reads /proc/PID/stat, proc(5). */
function onlyZombies(leader: number): boolean {
  try {
    const stats = readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => /.*\) (\S) \d+ (\d+) /s.exec(readStat(pid)) ?? []);
    return stats.every(([, state, group]) => Number(group) !== leader || state === "Z");
  } catch {
    return false;
  }
}

function readStat(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return "";
  }
}

async function collect(
  stream: ReadableStream<Uint8Array> | number | undefined | null,
  ended: Promise<void>,
  most: number | undefined,
): Promise<string> {
  if (!(stream instanceof ReadableStream)) return "";
  const said = most === undefined ? new Response(stream).text() : beginning(stream, most);
  const { promise: enough, resolve } = Promise.withResolvers<string>();
  await Promise.race([said, ended]);
  const timer = setTimeout(resolve, STRAGGLER_MS, "");
  try {
    return await Promise.race([said, enough]);
  } finally {
    clearTimeout(timer);
  }
}

/** The first `most` bytes of a stream that is read to its end. */
async function beginning(stream: ReadableStream<Uint8Array>, most: number): Promise<string> {
  const decoder = new TextDecoder();
  let said = "";
  let left = most;
  for await (const chunk of stream) {
    said += decoder.decode(chunk.subarray(0, left), { stream: true });
    left -= Math.min(left, chunk.length);
  }
  return said + decoder.decode();
}

function makeFolder(prefix: string, parent: string | undefined): string {
  try {
    return mkdtempSync(join(parent ?? tmpdir(), prefix));
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const advice =
      parent === undefined ? "set TMPDIR to a folder with room that you can write to" : "make it writable, with room";
    throw new UserError(`${parent ?? tmpdir()}: cannot make a folder there (${reason}); ${advice}`);
  }
}

/** Operations of flock(2), and errno(3). */
const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;

function flock(descriptor: number): "taken" | "held" | "unsupported" {
  try {
    const { symbols: libc } = dlopen("libc.so.6", {
      flock: { args: ["i32", "i32"], returns: "i32" },
      __errno_location: { args: [], returns: "ptr" },
    });
    if (libc.flock(descriptor, LOCK_EX | LOCK_NB) === 0) return "taken";
    const errno = libc.__errno_location();
    return errno !== null && read.i32(errno, 0) === EWOULDBLOCK ? "held" : "unsupported";
  } catch {
    // Bun can only call the C library where it may compile.
    return "unsupported";
  }
}

/** Reads /proc/locks (proc(5)), which identifies a file by device and inode. */
function holderOf(path: string): string {
  try {
    const { ino } = statSync(path);
    const held = readFileSync("/proc/locks", "latin1")
      .split("\n")
      .find((line) => / FLOCK /.test(line) && line.includes(`:${ino} `));
    const [, pid = ""] = / WRITE (\d+) /.exec(held ?? "") ?? [];
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
    return `process ${pid} (${command})`;
  } catch {
    return "another process";
  }
}
