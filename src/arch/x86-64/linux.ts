import { NT_PRSTATUS, type Processor } from "../processor.ts";

/** Words of a struct user_regs_struct (sys/user.h), in order. */
const PRSTATUS = [
  ...[
    "r15",
    "r14",
    "r13",
    "r12",
    "rbp",
    "rbx",
    "r11",
    "r10",
    "r9",
    "r8",
    "rax",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "orig_rax",
  ],
  ...["rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs"],
];

/** The x86-64 psABI, appendix A.2.1: system calls. */
export const PROCESSOR: Processor = {
  registerSets: [{ note: NT_PRSTATUS, size: 8 * PRSTATUS.length }],
  registers: new Map(PRSTATUS.map((name, word) => [name, { note: NT_PRSTATUS, at: 8 * word, size: 8 }])),
  programCounter: "rip",
  stackPointer: "rsp",
  framePointer: "rbp",
  threadPointer: "fs_base",
  systemCall: "orig_rax",
  arguments: ["rdi", "rsi", "rdx", "r10", "r8", "r9"],
  result: "rax",
  systemCallInstruction: Uint8Array.of(0x0f, 0x05), // syscall
  systemCallNumber: "rax",
  instructionAlignment: 1,
  kernelEntries: [
    { name: "syscall", size: 2, matches: ([first, second]) => first === 0x0f && second === 0x05 },
    { name: "sysenter", size: 2, matches: ([first, second]) => first === 0x0f && second === 0x34 },
    { name: "int 0x80", size: 2, matches: ([first, second]) => first === 0xcd && second === 0x80 },
  ],
};

/** Numbers of arch/x86/entry/syscalls/syscall_64.tbl. */
export const SYSTEM_CALLS = {
  write: 1,
  open: 2,
  stat: 4,
  poll: 7,
  mmap: 9,
  mprotect: 10,
  munmap: 11,
  brk: 12,
  rt_sigaction: 13,
  rt_sigprocmask: 14,
  ioctl: 16,
  access: 21,
  madvise: 28,
  getpid: 39,
  exit: 60,
  wait4: 61,
  uname: 63,
  getcwd: 79,
  readlink: 89,
  sysinfo: 99,
  rt_sigtimedwait: 128,
  prctl: 157,
  arch_prctl: 158,
  gettid: 186,
  sched_getaffinity: 204,
  set_tid_address: 218,
  clock_gettime: 228,
  exit_group: 231,
  openat: 257,
  prlimit64: 302,
  getrandom: 318,
  close_range: 436,
} as const;
