import { dlopen, read } from "bun:ffi";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { UserError } from "./error.ts";

/** A signal ended the run before its work was done. */
export class Interrupted extends Error {
  override name = "Interrupted";

  constructor(readonly signal: NodeJS.Signals) {
    super(`ended by ${signal}`);
  }

  /** A shell reports the same status of a process that the signal killed. */
  get exitCode(): number {
    return 128 + constants.signals[this.signal];
  }
}

export type SpawnOptions = {
  readonly cwd?: string;
  /** All of its environment; this process's unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Nothing unless given. Stdout and stderr are collected unless they go elsewhere. */
  readonly stdin?: "ignore" | "inherit";
  readonly stdout?: "pipe" | "inherit" | "ignore";
  readonly stderr?: "pipe" | "inherit" | "ignore";
  /** It is killed when it takes longer, s. */
  readonly seconds?: number;
};

/** How a process ended. */
export type Ending = {
  /** Its exit status; 128 and the signal's number where a signal killed it. */
  readonly status: number;
  readonly signal: NodeJS.Signals | null;
  /** It took more than the seconds it was given, and was killed for that. */
  readonly late: boolean;
  /** All that it wrote; empty where that was not collected. */
  readonly stdout: string;
  readonly stderr: string;
};

/** A process that runs. */
export type Child = {
  readonly pid: number;
  /** Its end, when nothing of its process group runs any longer. Rejects with the reason of the scope's abort. */
  readonly ended: Promise<Ending>;
  /** Sends `signal` to its process group. */
  readonly kill: (signal: NodeJS.Signals) => void;
};

/** How long a pipe is read when its process has ended and one that left its group still holds it, ms. */
const STRAGGLER_MS = 1000;
/** How long a killed process group may take to be gone, ms. */
const DYING_MS = 2000;
/** How often a lock that is held is tried again, ms. */
const RETRY_MS = 200;

/** What has to happen even where nothing can be awaited any more: at the end of the process. */
const lastActs = new Set<() => void>();
process.on("exit", () => {
  for (const act of [...lastActs].toReversed()) act();
});

/**
 * Owns what a run starts: processes, folders, locks, and whatever else is given to it. All of it ends when the scope
 * does, the last first: `await using run = new Scope()`. A scope that was aborted starts nothing more.
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

  /** A scope inside this one, which ends with it at the latest. */
  nested(): Scope {
    return new Scope(this);
  }

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  /** Has `end` called when the scope ends; the function that is returned takes it back. */
  defer(end: () => void | Promise<void>): () => void {
    this.signal.throwIfAborted();
    this.#ends.add(end);
    return () => this.#ends.delete(end);
  }

  /**
   * Starts a command in a session and process group of its own, with no signal ignored or blocked, whatever this
   * process was started with.
   * @throws UserError when there is no such command; the reason of the abort.
   */
  spawn(command: readonly string[], options: SpawnOptions = {}): Child {
    this.signal.throwIfAborted();
    const { cwd, env = process.env, seconds, stdin = "ignore", stdout = "pipe", stderr = "pipe" } = options;
    const [name = "", ...args] = command;
    const path = Bun.which(name, { PATH: process.env.PATH ?? "", ...(cwd === undefined ? {} : { cwd }) });
    if (path === null) throw new UserError(`${name}: there is no such command; install it, or add its folder to PATH`);
    const child = Bun.spawn([...launcher(path), path, ...args], {
      ...(cwd === undefined ? {} : { cwd }),
      ...{ env: { ...env }, stdin, stdout, stderr },
      // setsid(2): a terminal's signals reach this process alone, and the scope ends the others in order.
      detached: true,
    });
    return this.#own(child, seconds);
  }

  #own(child: Subprocess, seconds: number | undefined): Child {
    const { pid } = child;
    let late = false;
    const end = () => killGroup(pid, "SIGKILL");
    const tooLate = () => {
      late = true;
      end();
    };
    const limit = seconds === undefined ? undefined : setTimeout(tooLate, seconds * 1000);
    lastActs.add(end);
    this.signal.addEventListener("abort", end, { once: true });
    const release = async (): Promise<void> => {
      await child.exited;
      clearTimeout(limit);
      await groupGone(pid);
      lastActs.delete(end);
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
      const said = [child.stdout, child.stderr].map((stream) => collect(stream, released));
      await released;
      const [stdout = "", stderr = ""] = await Promise.all(said);
      this.signal.throwIfAborted();
      return { ...statusOf(child), late, stdout, stderr };
    };
    const ended = ending();
    // Whoever awaits it handles it.
    ended.catch(() => {});
    return { pid, ended, kill: (signal) => killGroup(pid, signal) };
  }

  /** A new folder `parent`/`prefix`XXXXXX, removed at the scope's end. @throws UserError when it cannot be made. */
  folder(prefix: string, parent?: string): string {
    this.signal.throwIfAborted();
    const path = makeFolder(prefix, parent);
    const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    const end = () => {
      remove();
      lastActs.delete(end);
    };
    lastActs.add(end);
    this.#ends.add(end);
    return path;
  }

  /**
   * Takes the lock of the folder `path` (flock(2)) until the scope ends. Where another process holds it, `wait` is told
   * which, and it is waited for. A process that is gone holds none. A file system without locks has none to wait for.
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

  /** Ends all that the scope has, the last first. @throws the first error that came. */
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

/** coreutils' env(1) empties the signal mask, which exec keeps; Bun.spawn resets the dispositions. */
let resetting: readonly string[] | undefined;
function launcher(path: string): readonly string[] {
  const command = [Bun.which("env") ?? "env", "--default-signal"];
  const works = () => Bun.which("env") !== null && Bun.spawnSync([...command, "true"]).success;
  resetting ??= works() ? command : [];
  // env takes a word with = for a variable.
  return path.includes("=") ? [] : resetting;
}

/** Nothing where the group is gone. */
function killGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch {
    return false;
  }
}

/** Kills what is left of a group whose leader has ended, and waits until it is gone. */
async function groupGone(leader: number): Promise<void> {
  const limit = performance.now() + DYING_MS;
  while (killGroup(leader, "SIGKILL") && performance.now() < limit && !onlyZombies(leader)) await Bun.sleep(5);
}

/** Has every process of the group ended, so that only PID 1 has to take note of it? By /proc/PID/stat, proc(5). */
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

async function collect(stream: ReadableStream | number | undefined | null, ended: Promise<void>): Promise<string> {
  if (!(stream instanceof ReadableStream)) return "";
  const said = new Response(stream).text();
  const { promise: enough, resolve } = Promise.withResolvers<string>();
  await Promise.race([said, ended]);
  const timer = setTimeout(resolve, STRAGGLER_MS, "");
  try {
    return await Promise.race([said, enough]);
  } finally {
    clearTimeout(timer);
  }
}

function makeFolder(prefix: string, parent: string | undefined): string {
  try {
    return mkdtempSync(join(parent ?? tmpdir(), prefix));
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    const advice =
      parent === undefined ? "set TMPDIR to a folder with room that you can write to" : "make it writable, with room";
    throw new UserError(`${parent ?? tmpdir()}: no folder can be made there (${reason}); ${advice}`);
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
    // Bun calls the C library only where it may compile.
    return "unsupported";
  }
}

/** By /proc/locks (proc(5)), which names a file by its device and inode. */
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
