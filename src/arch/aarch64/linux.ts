import { NT_PRFPREG, NT_PRSTATUS, type Processor, type RegisterPlace } from "../processor.ts";

const NT_ARM_TLS = 0x401;
const NT_ARM_SYSTEM_CALL = 0x404;

/** Words of a struct user_pt_regs (asm/ptrace.h), in order. */
const PRSTATUS = [...Array.from({ length: 31 }, (_, number) => `x${number}`), "sp", "pc", "pstate"];
/**
 * In a struct user_fpsimd_state: 32 vector registers of 16 bytes, then fpsr and fpcr. A function preserves the lower
 * halves of v8 to v15.
 */
const VECTOR_SIZE = 16;
const FPSIMD_SIZE = 528;
const KEPT_VECTORS = Array.from({ length: 8 }, (_, index) => 8 + index);

const PLACES: readonly (readonly [string, RegisterPlace])[] = [
  ...PRSTATUS.map((name, word) => [name, { note: NT_PRSTATUS, at: 8 * word, size: 8 }] as const),
  ...KEPT_VECTORS.map((number) => [`d${number}`, { note: NT_PRFPREG, at: VECTOR_SIZE * number, size: 8 }] as const),
  ["tpidr_el0", { note: NT_ARM_TLS, at: 0, size: 8 }],
  ["system_call", { note: NT_ARM_SYSTEM_CALL, at: 0, size: 4 }],
];

/** Linux, Documentation/arm64. The procedure call standard (AAPCS64), section 6.1, lists what a function preserves. */
export const PROCESSOR: Processor = {
  registerSets: [
    { note: NT_PRSTATUS, size: 8 * PRSTATUS.length },
    { note: NT_PRFPREG, size: FPSIMD_SIZE },
    { note: NT_ARM_TLS, size: 8 },
    { note: NT_ARM_SYSTEM_CALL, size: 4 },
  ],
  registers: new Map(PLACES),
  programCounter: "pc",
  stackPointer: "sp",
  framePointer: "x29",
  threadPointer: "tpidr_el0",
  linkRegister: "x30",
  systemCall: "system_call",
  arguments: ["x0", "x1", "x2", "x3", "x4", "x5"],
  result: "x0",
  systemCallInstruction: Uint8Array.of(0x01, 0x00, 0x00, 0xd4), // svc #0
  systemCallNumber: "x8",
  instructionAlignment: 4,
  // Linux ignores the 16-bit number in between.
  kernelEntries: [
    {
      name: "svc",
      size: 4,
      matches: ([first = 0, , third = 0, fourth]) => (first & 0x1f) === 0x01 && third >> 5 === 0 && fourth === 0xd4,
    },
  ],
};

/** Numbers of include/uapi/asm-generic/unistd.h. Calls that take a path exist only with `at`. */
export const SYSTEM_CALLS = {
  getcwd: 17,
  eventfd2: 19,
  epoll_create1: 20,
  epoll_ctl: 21,
  fcntl: 25,
  ioctl: 29,
  faccessat: 48,
  openat: 56,
  close: 57,
  write: 64,
  ppoll: 73,
  readlinkat: 78,
  newfstatat: 79,
  exit: 93,
  exit_group: 94,
  set_tid_address: 96,
  clock_gettime: 113,
  sched_getaffinity: 123,
  sigaltstack: 132,
  rt_sigaction: 134,
  rt_sigprocmask: 135,
  rt_sigtimedwait: 137,
  uname: 160,
  prctl: 167,
  getpid: 172,
  gettid: 178,
  sysinfo: 179,
  brk: 214,
  munmap: 215,
  mremap: 216,
  mmap: 222,
  mprotect: 226,
  madvise: 233,
  wait4: 260,
  prlimit64: 261,
  getrandom: 278,
  statx: 291,
  close_range: 436,
  faccessat2: 439,
} as const;
