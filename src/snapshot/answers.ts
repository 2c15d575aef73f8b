import { pageUp } from "../elf/x86-64.ts";
import type { Stop } from "./ptrace.ts";
import { ENOENT, ENOTTY, EPERM, MAP_FIXED, MAP_FIXED_NOREPLACE, SYS } from "./x86-64-linux.ts";

export type Entry = Extract<Stop, { kind: "entry" }>;

/**
 * What a system call gets instead of the kernel's answer. `result`: the call is skipped and returns this. `args`: the call
 * is made with these arguments instead. `fill`: bytes written to an address once the call has returned. `ends`: it never
 * returns in earnest, so the C function that makes it is left as well.
 */
export type Answer = {
  readonly result?: number;
  readonly args?: readonly number[];
  readonly fill?: readonly [address: number, bytes: Uint8Array];
  readonly ends?: boolean;
};

/** Where mappings go whose address the donor leaves to the kernel: bytes. Small ones close to the program, so that they share its page tables. */
export const SMALL_MAPPINGS = 0x1000_0000;
const LARGE_MAPPINGS = 0x2_0000_0000;
const LARGE = 0x1000_0000;

/**
 * The answers to the donor's system calls. Those that differ from run to run or from machine to machine (addresses, random
 * bytes, times, IDs, sizes, files) are made up here; what is made up for `getpid` and `poll` can be set.
 */
export class Answers {
  pid = 1;
  /** Descriptors that are ready. */
  ready = 1;
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
      case SYS.poll:
        return { result: this.ready };
      case SYS.write:
        return { result: third };
      // In practice, it ends again and again.
      case SYS.exit_group:
        return { result: 0, ends: true };
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
