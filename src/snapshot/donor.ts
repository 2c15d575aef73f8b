import { readdirSync } from "node:fs";
import { pageUp } from "../elf/x86-64.ts";
import { OWN_STACK } from "../link/entry.ts";
import { readMappings } from "./memory.ts";
import { PRACTICE, type Round } from "./practice.ts";
import { REG, type Registers, type Stop, Tracee } from "./ptrace.ts";
import { INFO_COMMAND_LINE } from "./stub.ts";
import { ENOENT, ENOTTY, EPERM, MAP_FIXED, MAP_FIXED_NOREPLACE, SYS } from "./x86-64-linux.ts";
import { SnapshotError } from "./error.ts";

/** Types of auxv entries, getauxval(3). */
const AT_NULL = 0;
const AT_RANDOM = 25;

type Entry = Extract<Stop, { kind: "entry" }>;

/**
 * What a system call gets instead of the kernel's answer. `result`: the call is skipped and returns this. `args`: the call
 * is made with these arguments instead. `fill`: bytes written to an address once the call has returned.
 */
type Answer = { readonly result?: number; readonly args?: readonly number[]; readonly fill?: readonly [address: number, bytes: Uint8Array] };

/** Where mappings go whose address the donor leaves to the kernel: bytes. Small ones close to the program, so that they share its page tables. */
const SMALL_MAPPINGS = 0x1000_0000;
const LARGE_MAPPINGS = 0x2_0000_0000;
const LARGE = 0x1000_0000;

/**
 * No compiler threads, so that one thread is all there is, and no compiler that bets on types: what it compiles is right
 * for every value, seen before or not.
 */
const ENVIRONMENT = ["BUN_JSC_useConcurrentJIT=0", "BUN_JSC_useDFGJIT=0"];

/** A program stopped where its wait returns. `info` is the address of the siginfo_t that it gave to the wait. */
export type Donor = { readonly tracee: Tracee; readonly registers: Registers; readonly info: number };

/**
 * Runs the linked program `path` until it parks in rt_sigtimedwait(2), lets it practise, and returns it stopped where the
 * wait is about to return to the call stub the runtime generated: behind the C library's part of the wait.
 *
 * Two donors must end with the same memory, byte for byte, so the kernel's answers that differ from run to run or from
 * machine to machine (addresses, random bytes, times, IDs, sizes, files) are replaced on the way. The C library's and the
 * runtime's own code runs as it is.
 * @throws SnapshotError when it ends, starts a second thread or does something else on the way that cannot be in a snapshot.
 */
export function startDonor(path: string): Donor {
  const tracee = Tracee.start({ path, environment: ENVIRONMENT });
  try {
    const answers = new Answers();
    fixRandom(tracee);
    const parked = runToWait(tracee, answers);
    const last = PRACTICE.reduce((wait, round) => practise(tracee, answers, wait, round), parked);
    checkOneThread(tracee);
    return { tracee, registers: stepOut(tracee, last), info: last.args[1] ?? 0 };
  } catch (error) {
    tracee.kill();
    throw error;
  }
}

/** AT_RANDOM of the initial stack (x86-64 psABI, section 3.4.1) points to 16 bytes that seed the C library's stack protector. */
function fixRandom(tracee: Tracee): void {
  const word = (address: number) => Number(tracee.read(address, 8).readBigUInt64LE());
  let at = Number(tracee.registers()[REG.rsp]);
  for (let nulls = 0; nulls < 2; at += 8) if (word(at + 8) === 0) nulls++;
  for (at += 8; word(at) !== AT_NULL; at += 16) if (word(at) === AT_RANDOM) tracee.write(word(at + 8), Buffer.alloc(16, 0x5a));
}

function runToWait(tracee: Tracee, answers: Answers): Entry {
  for (;;) {
    const stop = tracee.next();
    // The exec that started it returns first.
    if (stop.kind === "exit") continue;
    if (stop.kind !== "entry") throw new SnapshotError(`the donor did not reach its wait (${JSON.stringify(stop)}); run pause-static by hand to see why`);
    if (stop.number === SYS.rt_sigtimedwait) return stop;
    carryOut(tracee, stop, answers.to(stop));
  }
}

/** Ends one wait as `round` says, and returns the next. The command line goes to the far end of the stack, which is never reached. */
function practise(tracee: Tracee, answers: Answers, wait: Entry, { pid, wait: result, commandLine }: Round): Entry {
  const info = wait.args[1] ?? 0;
  const words = BigUint64Array.of(BigInt(OWN_STACK.base), BigInt(commandLine.length));
  tracee.write(OWN_STACK.base, Buffer.from(commandLine));
  answers.pid = pid;
  carryOut(tracee, wait, { result, fill: [info + INFO_COMMAND_LINE, new Uint8Array(words.buffer)] });
  return runToWait(tracee, answers);
}

/** Lets the wait return 0 and steps until the C library is left behind, into generated code; its registers there. */
function stepOut(tracee: Tracee, wait: Entry): Registers {
  carryOut(tracee, wait, { result: 0 });
  const generated = readMappings(tracee.pid).filter(({ generated }) => generated);
  for (let steps = 0; steps < 1000; steps++) {
    const registers = tracee.registers();
    const rip = Number(registers[REG.rip]);
    if (generated.some(({ start, end }) => rip >= start && rip < end)) return registers;
    tracee.step();
  }
  throw new SnapshotError("the donor's wait does not return to a call stub of bun:ffi; the program must call it directly");
}

function checkOneThread({ pid }: Tracee): void {
  const threads = readdirSync(`/proc/${pid}/task`).length;
  if (threads !== 1) throw new SnapshotError(`the donor has ${threads} threads where a snapshot can have one; the runtime has changed, look for what starts them`);
}

function carryOut(tracee: Tracee, { args }: Entry, answer: Answer): void {
  if (answer.result !== undefined) tracee.set({ orig_rax: -1 });
  if (answer.args !== undefined) {
    const [rdi = 0, rsi = 0, rdx = 0, r10 = 0] = [...answer.args, ...args.slice(answer.args.length)];
    tracee.set({ rdi, rsi, rdx, r10 });
  }
  const stop = tracee.next();
  if (stop.kind === "ended") throw new SnapshotError(`the donor ended with status ${stop.status} before it parked; run pause-static by hand to see why`);
  if (answer.result !== undefined) tracee.set({ rax: answer.result });
  if (answer.fill !== undefined) tracee.write(...answer.fill);
}

class Answers {
  pid = 1;
  private small = SMALL_MAPPINGS;
  private large = LARGE_MAPPINGS;
  private nanoseconds = 0;

  to({ number, args }: Entry): Answer {
    const [first = 0, second = 0, third = 0, fourth = 0] = args;
    switch (number) {
      case SYS.mmap:
        if ((fourth & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0) return {};
        return { args: [this.address(second), second, third, fourth | MAP_FIXED_NOREPLACE] };
      // No heap behind the last segment, whose start the kernel randomises: musl then maps its memory.
      case SYS.brk:
        return { result: 0 };
      case SYS.open:
      case SYS.openat:
      case SYS.access:
      case SYS.stat:
      case SYS.readlink:
        return { result: -ENOENT };
      case SYS.ioctl:
        return { result: -ENOTTY };
      case SYS.getpid:
      case SYS.gettid:
      case SYS.set_tid_address:
        return { result: this.pid };
      // In practice, it ends again and again.
      case SYS.exit_group:
        return { result: 0 };
      case SYS.write:
        return { result: third };
      case SYS.getrandom:
        return { result: second, fill: [first, new Uint8Array(second)] };
      case SYS.clock_gettime:
        return { result: 0, fill: [second, this.timespec()] };
      case SYS.getcwd:
        return { result: 2, fill: [first, Buffer.from("/\0")] };
      case SYS.uname:
        return { result: 0, fill: [first, new Uint8Array(6 * 65)] };
      case SYS.sysinfo:
        return { result: 0, fill: [first, sysinfo()] };
      case SYS.sched_getaffinity:
        return { result: 8, fill: [third, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)] };
      case SYS.prlimit64:
        return third === 0 ? { result: 0, fill: [fourth, rlimit()] } : { result: -EPERM };
      default:
        return {};
    }
  }

  private address(size: number): number {
    if (size < LARGE) {
      const address = this.small;
      this.small += pageUp(size);
      return address;
    }
    const address = this.large;
    this.large += Math.ceil(size / LARGE_MAPPINGS) * LARGE_MAPPINGS;
    return address;
  }

  /** struct timespec: a clock that ticks a microsecond at each look. */
  private timespec(): Uint8Array {
    this.nanoseconds += 1000;
    return new Uint8Array(BigInt64Array.of(BigInt(Math.floor(this.nanoseconds / 1e9)), BigInt(this.nanoseconds % 1e9)).buffer);
  }
}

/** struct sysinfo, 112 bytes: totalram at 32, freeram at 40, mem_unit at 104. A machine of 1 GiB. */
function sysinfo(): Uint8Array {
  const bytes = Buffer.alloc(112);
  bytes.writeBigUInt64LE(1n << 30n, 32);
  bytes.writeBigUInt64LE(1n << 30n, 40);
  bytes.writeUInt32LE(1, 104);
  return bytes;
}

/** struct rlimit: 8 MiB soft, no hard limit; the one the runtime reads is that of its stack. */
function rlimit(): Uint8Array {
  return new Uint8Array(BigUint64Array.of(8n << 20n, 0xffff_ffff_ffff_ffffn).buffer);
}
