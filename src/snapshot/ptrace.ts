import { dlopen, ptr } from "bun:ffi";
import { closeSync, openSync, readlinkSync, readSync, realpathSync, writeSync } from "node:fs";
import { basename, dirname } from "node:path";
import { hostArchitecture } from "../arch/architectures.ts";
import type { RegisterPlace, Registers } from "../arch/processor.ts";
import { UserError } from "../support/error.ts";

/** Requests, options and events of ptrace(2), flags of waitpid(2), signals of signal(7). */
const PTRACE_CONT = 7;
const PTRACE_SINGLESTEP = 9;
const PTRACE_SYSCALL = 24;
const PTRACE_GETSIGINFO = 0x4202;
const PTRACE_GETREGSET = 0x4204;
const PTRACE_SETREGSET = 0x4205;
const PTRACE_SEIZE = 0x4206;
const PTRACE_GET_SYSCALL_INFO = 0x420e;
const PTRACE_O_TRACESYSGOOD = 0x1;
const PTRACE_O_TRACEEXEC = 0x10;
const PTRACE_O_EXITKILL = 0x100000;
const PTRACE_EVENT_EXEC = 4;
const PTRACE_SYSCALL_INFO_ENTRY = 1;
const PTRACE_SYSCALL_INFO_EXIT = 2;
const __WALL = 0x40000000;
const SIGTRAP = 5;
const SIGKILL = 9;
const O_CLOEXEC = 0o2000000;
/**
 * Flags of posix_spawnattr_setflags(3), and sizes in bytes, with room to spare, of its attributes and of its actions.
 */
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const SPAWN_SIZE = 512;
/** Bytes of a sigset_t. */
const SIGSET_SIZE = 128;

const { symbols: libc } = dlopen("libc.so.6", {
  ptrace: { args: ["i64", "i32", "u64", "ptr"], returns: "i64" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  sigfillset: { args: ["ptr"], returns: "i32" },
  posix_spawn: { args: ["ptr", "ptr", "ptr", "ptr", "ptr", "ptr"], returns: "i32" },
  posix_spawn_file_actions_init: { args: ["ptr"], returns: "i32" },
  posix_spawn_file_actions_adddup2: { args: ["ptr", "i32", "i32"], returns: "i32" },
  posix_spawnattr_init: { args: ["ptr"], returns: "i32" },
  posix_spawnattr_setflags: { args: ["ptr", "i16"], returns: "i32" },
  posix_spawnattr_setsigdefault: { args: ["ptr", "ptr"], returns: "i32" },
  posix_spawnattr_setsigmask: { args: ["ptr", "ptr"], returns: "i32" },
});

/** This machine's: no other can be traced. */
const { processor, systemCalls } = hostArchitecture();
const callNames = new Map(Object.entries(systemCalls).map(([name, number]) => [number, name]));

/**
 * Why a traced process stopped. A call has its name in the architecture's record, or else its number. Results and
 * arguments are signed 64-bit values.
 */
export type Stop =
  | { readonly kind: "exec" }
  | { readonly kind: "entry"; readonly call: string; readonly args: readonly number[] }
  | { readonly kind: "exit"; readonly result: number }
  | { readonly kind: "signal"; readonly signal: number; readonly address: number }
  | { readonly kind: "ended"; readonly status: number | null; readonly signal: number | null };

/**
 * A process of one thread, traced from its exec on. It stops at each system call and signal, and dies with its tracer.
 */
export class Tracee {
  private readonly memory: number;
  private ended = false;

  private constructor(readonly pid: number) {
    this.memory = openSync(`/proc/${pid}/mem`, "r+");
  }

  /**
   * Starts the program `path` by way of sh and env, with `args` after argv[0] and no environment. Its standard
   * descriptors are all /dev/null, no others are open, and no signal is ignored or blocked. Returns when it stands at
   * its first instruction.
   * @throws UserError when the system refuses.
   */
  static start(path: string, args: readonly (string | Uint8Array)[] = []): Tracee {
    const [reader, writer] = pipe();
    // By its bare name, because the kernel puts the path on the stack, and the instructions that read strings show
    // where they lie. If the tracer has died, the pipe is closed and nothing runs.
    const script = 'read _ && cd "$0" && exec "$@" </dev/null >/dev/null 2>/dev/null';
    const pid = spawn(
      ["/bin/sh", "-c", script, dirname(path), "/usr/bin/env", "-i", `./${basename(path)}`, ...args],
      reader,
    );
    const options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    const traced = libc.ptrace(PTRACE_SEIZE, pid, 0, BigInt(options)) === 0n;
    if (traced) writeSync(writer, "\n");
    closeSync(reader);
    closeSync(writer);
    if (!traced) {
      while (waitFor(pid).kind !== "ended");
      throw new UserError("ptrace(2): the system does not let a process trace its own child");
    }
    // sh executes env, which empties the environment and executes the program.
    for (const program = realpathSync(path); ; resume(pid, PTRACE_CONT)) {
      const stop = waitFor(pid);
      if (stop.kind === "ended")
        throw new UserError(
          `${path} could not be started: sh or env ended with ${stop.status ?? `signal ${stop.signal}`}`,
        );
      if (stop.kind === "exec" && readlinkSync(`/proc/${pid}/exe`) === program) return new Tracee(pid);
    }
  }

  /** Runs it to its next stop. */
  next(): Stop {
    return this.go(PTRACE_SYSCALL);
  }

  /** Runs one instruction. Returns undefined if that went well, otherwise what it stopped for. */
  step(): Stop | undefined {
    const stop = this.go(PTRACE_SINGLESTEP);
    return stop.kind === "signal" && stop.signal === SIGTRAP ? undefined : stop;
  }

  private go(request: number): Stop {
    resume(this.pid, request);
    const stop = waitFor(this.pid);
    if (stop.kind === "ended") this.close();
    return stop;
  }

  /**
   * Makes it execute the system call `name`, wherever it stands except at another call's entry. Returns the result. Its
   * registers and memory stay as before. `gate`: the address of a system call instruction; without one, the call
   * temporarily overwrites the code where it stands.
   */
  call(name: string, args: readonly number[], gate?: number): number {
    const number = systemCalls[name];
    if (number === undefined) throw new Error(`the architecture's record has no system call ${name}`);
    const { note } = placeOf(processor.programCounter);
    const registers = this.registerSet(note);
    const at = gate ?? this.programCounter();
    const instruction = processor.systemCallInstruction;
    const before = gate === undefined ? this.read(at, instruction.length) : undefined;
    if (before !== undefined) this.write(at, instruction);
    this.set({
      [processor.programCounter]: at,
      [processor.systemCallNumber]: number,
      ...this.named(processor.arguments, args),
    });
    if (this.step() !== undefined) throw new Error("a system call put into the program was not made");
    const result = valueAt(placeOf(processor.result), this.registerSet(note));
    if (before !== undefined) this.write(at, before);
    this.setRegisterSet(note, registers);
    return Number(BigInt.asIntN(64, result));
  }

  registers(): Registers {
    const sets = new Map(processor.registerSets.map(({ note }) => [note, this.registerSet(note)]));
    return Object.fromEntries(
      [...processor.registers].map(([name, place]) => [name, valueAt(place, sets.get(place.note))]),
    );
  }

  /** The address of the next instruction. */
  programCounter(): number {
    const { note, at } = placeOf(processor.programCounter);
    return Number(this.registerSet(note).readBigUInt64LE(at));
  }

  /** Changes single registers. */
  set(changes: Readonly<Record<string, number>>): void {
    for (const { note } of processor.registerSets) {
      const names = Object.keys(changes).filter((name) => placeOf(name).note === note);
      if (names.length === 0) continue;
      const set = this.registerSet(note);
      for (const name of names) put(set, placeOf(name), changes[name] ?? 0);
      this.setRegisterSet(note, set);
    }
  }

  /** Makes the kernel skip the system call that is being entered. */
  skipCall(): void {
    this.set({ [processor.systemCall]: -1 });
  }

  /** Replaces the first arguments of the system call that is being entered, as many as `values` has. */
  setArguments(values: readonly number[]): void {
    this.set(this.named(processor.arguments, values));
  }

  /** Sets the result of the system call that is returning. */
  setResult(value: number): void {
    this.set({ [processor.result]: value });
  }

  private named(names: readonly string[], values: readonly number[]): Record<string, number> {
    return Object.fromEntries(names.slice(0, values.length).map((name, index) => [name, values[index] ?? 0]));
  }

  private registerSet(note: number): Buffer {
    const set = Buffer.alloc(processor.registerSets.find((set) => set.note === note)?.size ?? 0);
    check("PTRACE_GETREGSET", libc.ptrace(PTRACE_GETREGSET, this.pid, note, iovec(set)));
    return set;
  }

  private setRegisterSet(note: number, set: Buffer): void {
    check("PTRACE_SETREGSET", libc.ptrace(PTRACE_SETREGSET, this.pid, note, iovec(set)));
  }

  /** Reads `size` bytes of its memory at `address`, including pages never touched. */
  read(address: number, size: number): Buffer {
    const bytes = Buffer.alloc(size);
    readSync(this.memory, bytes, 0, size, address);
    return bytes;
  }

  /** Is there readable memory at `address`? */
  has(address: number): boolean {
    try {
      return readSync(this.memory, new Uint8Array(1), 0, 1, address) === 1;
    } catch {
      return false;
    }
  }

  write(address: number, bytes: Uint8Array): void {
    writeSync(this.memory, bytes, 0, bytes.length, address);
  }

  signal(signal: number): void {
    libc.kill(this.pid, signal);
  }

  kill(): void {
    if (this.ended) return;
    this.signal(SIGKILL);
    while (waitFor(this.pid).kind !== "ended");
    this.close();
  }

  private close(): void {
    this.ended = true;
    closeSync(this.memory);
  }
}

function placeOf(name: string): RegisterPlace {
  const place = processor.registers.get(name);
  if (place === undefined) throw new Error(`this processor has no register ${name}`);
  return place;
}

function valueAt({ at, size }: RegisterPlace, set: Buffer | undefined): bigint {
  if (set === undefined) return 0n;
  return size === 4 ? BigInt(set.readUInt32LE(at)) : set.readBigUInt64LE(at);
}

function put(set: Buffer, { at, size }: RegisterPlace, value: number): void {
  if (size === 4) set.writeInt32LE(value, at);
  else set.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), at);
}

/** struct iovec: address and size. */
const iovec = (buffer: Buffer) => BigUint64Array.of(BigInt(ptr(buffer)), BigInt(buffer.length));

function pipe(): [reader: number, writer: number] {
  const ends = new Int32Array(2);
  check("pipe2", libc.pipe2(ends, O_CLOEXEC));
  const [reader = -1, writer = -1] = ends;
  return [reader, writer];
}

/**
 * Starts a process with `stdin` as its standard input, the other descriptors inherited, an empty environment, an empty
 * signal mask and every signal's default action. Returns its PID.
 */
function spawn(command: readonly (string | Uint8Array)[], stdin: number): number {
  const strings = command.map((item) => Buffer.concat([Buffer.from(item), Buffer.of(0)]));
  const argv = BigUint64Array.from([...strings.map((string) => BigInt(ptr(string))), 0n]);
  const actions = new Uint8Array(SPAWN_SIZE);
  libc.posix_spawn_file_actions_init(actions);
  libc.posix_spawn_file_actions_adddup2(actions, stdin, 0);
  const attributes = new Uint8Array(SPAWN_SIZE);
  libc.posix_spawnattr_init(attributes);
  libc.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  const [all, none] = [new Uint8Array(SIGSET_SIZE), new Uint8Array(SIGSET_SIZE)];
  libc.sigfillset(all);
  libc.posix_spawnattr_setsigdefault(attributes, all);
  libc.posix_spawnattr_setsigmask(attributes, none);
  const pid = new Int32Array(1);
  const error = libc.posix_spawn(pid, strings[0] ?? null, actions, attributes, argv, new BigUint64Array(1));
  if (error !== 0) throw new Error(`posix_spawn ${command[0]}: errno ${error}`);
  return pid[0] ?? -1;
}

function resume(pid: number, request: number): void {
  check("ptrace restart", libc.ptrace(request, pid, 0, null));
}

/**
 * Waits until `pid` stops or ends. Does not pass signals on: a scenario's signals are blocked and taken with sigwait.
 */
function waitFor(pid: number): Stop {
  const word = new Int32Array(1);
  check("waitpid", libc.waitpid(pid, word, __WALL) === pid ? 0 : -1);
  const status = word[0] ?? 0;
  if ((status & 0x7f) === 0) return { kind: "ended", status: (status >> 8) & 0xff, signal: null };
  if ((status & 0xff) !== 0x7f) return { kind: "ended", status: null, signal: status & 0x7f };
  const signal = (status >> 8) & 0xff;
  if (status >> 16 === PTRACE_EVENT_EXEC) return { kind: "exec" };
  return signal === (SIGTRAP | 0x80) ? syscallStop(pid) : signalStop(pid, signal);
}

/**
 * struct ptrace_syscall_info, 88 bytes: op at 0; at entry the number at 24 and six arguments from 32, at exit the
 * result at 24.
 */
function syscallStop(pid: number): Stop {
  const info = Buffer.alloc(88);
  const size = libc.ptrace(PTRACE_GET_SYSCALL_INFO, pid, info.length, info);
  const op = size > 0n ? info.readUInt8(0) : 0;
  const word = (at: number) => Number(info.readBigInt64LE(at));
  if (op === PTRACE_SYSCALL_INFO_ENTRY)
    return {
      kind: "entry",
      call: callNames.get(word(24)) ?? String(word(24)),
      args: [32, 40, 48, 56, 64, 72].map(word),
    };
  if (op === PTRACE_SYSCALL_INFO_EXIT) return { kind: "exit", result: word(24) };
  throw new UserError("ptrace(2): the system does not have PTRACE_GET_SYSCALL_INFO; use Linux 5.3 or newer");
}

/** siginfo_t: si_addr at 16. */
function signalStop(pid: number, signal: number): Stop {
  const info = Buffer.alloc(128);
  libc.ptrace(PTRACE_GETSIGINFO, pid, 0, info);
  return { kind: "signal", signal, address: Number(info.readBigUInt64LE(16)) };
}

function check(what: string, result: number | bigint): void {
  if (result < 0) throw new Error(`${what} failed`);
}
