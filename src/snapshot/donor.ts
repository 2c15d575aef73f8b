import { pageUp } from "../elf/x86-64.ts";
import { type Stop, Tracee } from "./ptrace.ts";
import { ENOENT, ENOTTY, EPERM, MAP_FIXED, MAP_FIXED_NOREPLACE, SYS } from "./x86-64-linux.ts";
import { SnapshotError } from "./error.ts";

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
 * Runs `path` until it parks in rt_sigtimedwait(2), and returns it stopped at that call's entry.
 *
 * Two donors must end with the same memory, byte for byte, so the kernel's answers that differ from run to run or from
 * machine to machine (addresses, random bytes, times, IDs, sizes, files) are replaced on the way. The C library's and the
 * runtime's own code runs as it is.
 * @throws SnapshotError when it ends, starts a second thread or does something else on the way that cannot be in a snapshot.
 */
export function startDonor(path: string): Tracee {
  const donor = Tracee.start(path, [], "</dev/null >/dev/null 2>/dev/null");
  try {
    const answers = new Answers();
    for (;;) {
      const stop = donor.next();
      // The exec that started it returns first.
      if (stop.kind === "exit") continue;
      if (stop.kind !== "entry") throw new SnapshotError(`the donor ${path} did not reach its wait: ${JSON.stringify(stop)}; run it by hand to see why`);
      if (stop.number === SYS.rt_sigtimedwait) return donor;
      carryOut(donor, stop, answers.to(stop));
    }
  } catch (error) {
    donor.kill();
    throw error;
  }
}

function carryOut(donor: Tracee, { args }: Entry, answer: Answer): void {
  if (answer.result !== undefined) donor.set({ orig_rax: -1 });
  if (answer.args !== undefined) {
    const [rdi = 0, rsi = 0, rdx = 0, r10 = 0] = [...answer.args, ...args.slice(answer.args.length)];
    donor.set({ rdi, rsi, rdx, r10 });
  }
  const stop = donor.next();
  if (stop.kind === "ended") throw new SnapshotError(`the donor ended with status ${stop.status} before it parked; run it by hand to see why`);
  if (answer.result !== undefined) donor.set({ rax: answer.result });
  if (answer.fill !== undefined) donor.write(...answer.fill);
}

class Answers {
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
        return { result: 1 };
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
