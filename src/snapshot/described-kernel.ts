import { hostArchitecture } from "../arch/architectures.ts";
import { PAGE_SIZE, pageUp } from "../elf/pages.ts";
import { ENOENT, ENOTTY, EPERM, MAP_FIXED, MAP_FIXED_NOREPLACE, PROT_EXEC } from "./linux.ts";
import type { MemoryLayout } from "./memory-layout.ts";
import type { Stop } from "./ptrace.ts";

const { maxPageSize } = hostArchitecture();

export type CallEntry = Extract<Stop, { kind: "entry" }>;

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

/** Mappings whose address the donor leaves to the kernel, by their size in bytes: small ones go where they share page tables, huge ones to multiples of their size. */
const SMALL = 0x10_0000;
const HUGE = 0x1_0000_0000;
const OTHER_MAPPINGS = { start: 0x1000_0000, alignment: 0x1_0000 };
const HUGE_MAPPINGS = { start: 0x2_0000_0000, alignment: 0x2_0000_0000 };

/**
 * The answers to the donor's system calls. Those that differ from run to run or from machine to machine (addresses, random
 * bytes, times, IDs, sizes, files) are made up here; what is made up for `getpid` and `poll` can be set.
 */
export class DescribedKernel {
  pid = 1;
  /** Descriptors that are ready, or a negative errno. */
  ready = 1;
  private small: number;
  private other = OTHER_MAPPINGS.start;
  private huge = HUGE_MAPPINGS.start;
  private nanoseconds = 0;

  constructor(private readonly mappings: MemoryLayout["mappings"]) {
    this.small = mappings.start;
  }

  answer({ call, args }: CallEntry): Answer {
    const [first = 0, second = 0, third = 0, fourth = 0] = args;
    switch (call) {
      case "mmap":
        if ((fourth & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0) return {};
        return { args: [this.address(second, third), second, third, fourth | MAP_FIXED_NOREPLACE] };
      // No heap behind the last segment, whose start the kernel randomises: musl then maps its memory.
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
      // In practice, it ends again and again.
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
        return {};
    }
  }

  private address(size: number, protection: number): number {
    if (size >= HUGE) {
      const address = this.huge;
      this.huge = pageUp(address + size, HUGE_MAPPINGS.alignment);
      return address;
    }
    // Code shares no page with data, however large a kernel has them.
    const alignment = (protection & PROT_EXEC) !== 0 ? maxPageSize : PAGE_SIZE;
    const small = pageUp(this.small, alignment);
    if (size < SMALL && small + size <= this.mappings.end) {
      this.small = pageUp(small + size, alignment);
      return small;
    }
    const address = this.other;
    this.other = pageUp(address + size, OTHER_MAPPINGS.alignment);
    return address;
  }

  /** struct timespec: a clock that ticks a microsecond at each look. */
  private timespec(): Uint8Array {
    this.nanoseconds += 1000;
    return new Uint8Array(
      BigInt64Array.of(BigInt(Math.floor(this.nanoseconds / 1e9)), BigInt(this.nanoseconds % 1e9)).buffer,
    );
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
