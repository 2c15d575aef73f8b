/** System call numbers of x86-64 Linux (arch/x86/entry/syscalls/syscall_64.tbl) that the stage looks at. */
export const SYS = {
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
  write: 1,
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
  set_tid_address: 218,
  sched_getaffinity: 204,
  clock_gettime: 228,
  exit_group: 231,
  openat: 257,
  prlimit64: 302,
  getrandom: 318,
} as const;

/** errno values, errno(3). */
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const EBADF = 9;
export const ENOMEM = 12;
export const EFAULT = 14;
export const ENOTTY = 25;
export const ENOSYS = 38;

/** Flags of mmap(2). */
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_PRIVATE = 2;
export const MAP_ANONYMOUS = 0x20;
export const MAP_FIXED = 0x10;
export const MAP_FIXED_NOREPLACE = 0x100000;

/** `code` of arch_prctl(2). */
export const ARCH_SET_FS = 0x1002;
