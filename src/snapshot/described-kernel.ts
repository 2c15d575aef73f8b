import { hostArchitecture } from "../arch/architectures.ts";
import { PAGE_SIZE, pageUp } from "../elf/pages.ts";
import { UserError } from "../support/error.ts";
import {
  ECHILD,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOTTY,
  EPERM,
  F_DUPFD_CLOEXEC,
  F_GETFD,
  F_SETFD,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  PR_SET_VMA,
  PROT_EXEC,
} from "./linux.ts";
import type { MemoryLayout } from "./memory-layout.ts";
import type { Stop } from "./ptrace.ts";

const { maxPageSize } = hostArchitecture();

export type CallEntry = Extract<Stop, { kind: "entry" }>;

/**
 * The answer to a system call in place of the kernel's. `result`: the call is skipped and returns this. `returns`: the
 * kernel carries the call out, and must return this. `args`: the kernel gets these arguments instead. `fill`: bytes
 * written to an address after the call. `ends`: the real call never returns, so the C function that makes it must be
 * left as well.
 */
export type Answer = {
  readonly result?: number;
  readonly returns?: number;
  readonly args?: readonly number[];
  readonly fill?: readonly [address: number, bytes: Uint8Array];
  readonly ends?: boolean;
};

/** The descriptors in the order they are opened; only 0, 1 and 2 are open before. */
const DESCRIPTORS = { epoll_create1: 3, eventfd2: 4 } as const;

/** Advice of madvise(2) that changes memory: to zeros at once, or whenever the kernel likes (MADV_FREE). */
const MADV_DONTNEED = 4;
const MADV_FREE = 8;
const MADV_REMOVE = 9;

/**
 * Sizes, in bytes, of mappings whose address the donor leaves to the kernel: small ones go where they share page
 * tables, huge ones to multiples of their size.
 */
const SMALL = 0x10_0000;
const HUGE = 0x1_0000_0000;
const OTHER_MAPPINGS = { start: 0x1000_0000, alignment: 0x1_0000 };
const HUGE_MAPPINGS = { start: 0x2_0000_0000, alignment: 0x2_0000_0000 };

/**
 * Answers the donor's system calls. The kernel carries out only what concerns the donor's memory and signals.
 * Everything else could differ between runs, machines or the build's surroundings (addresses, random bytes, times, IDs,
 * sizes, limits, files, descriptors), so this class makes up the answer. The answers to `getpid` and `poll` can be set.
 */
export class DescribedKernel {
  pid = 1;
  /** How many descriptors are ready, or a negative errno. */
  ready = 1;
  private small: number;
  private other = OTHER_MAPPINGS.start;
  private huge = HUGE_MAPPINGS.start;
  private nanoseconds = 0;

  constructor(private readonly layout: Pick<MemoryLayout, "mappings" | "stack">) {
    this.small = layout.mappings.start;
  }

  /** @throws UserError for a call without a description. */
  answer({ call, args }: CallEntry): Answer {
    const [first = 0, second = 0, third = 0, fourth = 0] = args;
    switch (call) {
      case "mmap":
        return this.mapping(first, second, third, fourth);
      case "munmap":
      case "mprotect":
      case "rt_sigaction":
      case "rt_sigprocmask":
      // Only on x86-64: sets the thread pointer.
      case "arch_prctl":
        return { returns: 0 };
      case "madvise":
        if (third === MADV_FREE || third === MADV_REMOVE) return this.notDescribed(call, args);
        return third === MADV_DONTNEED ? { returns: 0 } : { result: 0 };
      // The C library finds the end of its stack by trying to enlarge each page of it.
      case "mremap":
        return { result: first >= this.layout.stack.base ? -ENOMEM : -EFAULT };
      case "fcntl":
        if (second === F_DUPFD_CLOEXEC) return { result: third };
        return second === F_GETFD || second === F_SETFD ? { result: 0 } : this.notDescribed(call, args);
      case "epoll_create1":
      case "eventfd2":
        return { result: DESCRIPTORS[call] };
      case "epoll_ctl":
      case "close":
      case "close_range":
      case "sigaltstack":
        return { result: 0 };
      case "wait4":
        return { result: -ECHILD };
      case "prctl":
        return first === PR_SET_VMA ? { result: -EINVAL } : this.notDescribed(call, args);
      // No heap after the last segment, because the kernel randomises its start; musl then maps its memory.
      case "brk":
        return { result: 0 };
      case "open":
      case "openat":
      case "access":
      case "faccessat":
      case "faccessat2":
      case "stat":
      case "newfstatat":
      case "statx":
      case "readlink":
      case "readlinkat":
        return { result: -ENOENT };
      case "ioctl":
        return { result: -ENOTTY };
      case "getpid":
      case "gettid":
      case "set_tid_address":
        return { result: this.pid };
      case "poll":
      case "ppoll":
        return { result: this.ready };
      case "write":
        return { result: third };
      // During practice, the program exits again and again.
      case "exit_group":
        return { result: 0, ends: true };
      case "getrandom":
        return { result: second, fill: [first, new Uint8Array(second)] };
      case "clock_gettime":
        return { result: 0, fill: [second, this.timespec()] };
      case "getcwd":
        return { result: 2, fill: [first, Buffer.from("/\0")] };
      case "uname":
        return { result: 0, fill: [first, new Uint8Array(6 * 65)] };
      case "sysinfo":
        return { result: 0, fill: [first, sysinfo()] };
      case "sched_getaffinity":
        return { result: 8, fill: [third, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)] };
      case "prlimit64":
        return third === 0 ? { result: 0, fill: [fourth, rlimit()] } : { result: -EPERM };
      default:
        return this.notDescribed(call, args);
    }
  }

  private notDescribed(call: string, args: readonly number[]): never {
    throw new UserError(
      `the donor makes the system call ${call}(${args.join(", ")}), and ` +
        "src/snapshot/described-kernel.ts does not say what the kernel returns; add it there",
    );
  }

  private mapping(wanted: number, size: number, protection: number, flags: number): Answer {
    if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0) return { returns: wanted };
    const address = this.address(size, protection);
    return { args: [address, size, protection, flags | MAP_FIXED_NOREPLACE], returns: address };
  }

  private address(size: number, protection: number): number {
    if (size >= HUGE) {
      const address = this.huge;
      this.huge = pageUp(address + size, HUGE_MAPPINGS.alignment);
      return address;
    }
    // Code shares no page with data, even on a kernel with large pages.
    const alignment = (protection & PROT_EXEC) !== 0 ? maxPageSize : PAGE_SIZE;
    const small = pageUp(this.small, alignment);
    if (size < SMALL && small + size <= this.layout.mappings.end) {
      this.small = pageUp(small + size, alignment);
      return small;
    }
    const address = this.other;
    this.other = pageUp(address + size, OTHER_MAPPINGS.alignment);
    return address;
  }

  /** struct timespec: a clock that advances a microsecond at each reading. */
  private timespec(): Uint8Array {
    this.nanoseconds += 1000;
    return new Uint8Array(
      BigInt64Array.of(BigInt(Math.floor(this.nanoseconds / 1e9)), BigInt(this.nanoseconds % 1e9)).buffer,
    );
  }
}

/** struct sysinfo, 112 bytes: totalram at 32, freeram at 40, mem_unit at 104. Describes a machine of 1 GiB. */
function sysinfo(): Uint8Array {
  const bytes = Buffer.alloc(112);
  bytes.writeBigUInt64LE(1n << 30n, 32);
  bytes.writeBigUInt64LE(1n << 30n, 40);
  bytes.writeUInt32LE(1, 104);
  return bytes;
}

/** struct rlimit: 8 MiB soft, no hard limit. The runtime reads only the stack's. */
function rlimit(): Uint8Array {
  return new Uint8Array(BigUint64Array.of(8n << 20n, 0xffff_ffff_ffff_ffffn).buffer);
}
