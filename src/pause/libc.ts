import { dlopen } from "bun:ffi";

/**
 * The libc functions pause calls. `libc.so.6` is glibc's file name, and musl's loader takes every name that begins with
 * `libc.` for itself without opening a file, so one name serves both.
 *
 * Buffers go in as typed arrays: a number would be a double, which the call stub converts with AVX instructions on a
 * build machine that has them, and the snapshot would carry those to machines that have not.
 */
export const { symbols: libc } = dlopen("libc.so.6", {
  sigprocmask: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  sigaction: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  sigwaitinfo: { args: ["ptr", "ptr"], returns: "i32" },
  waitpid: { args: ["i32", "ptr", "i32"], returns: "i32" },
  getpid: { args: [], returns: "i32" },
  syscall: { args: ["i32", "i32", "i32", "i32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  memmem: { args: ["ptr", "u64", "ptr", "u64"], returns: "ptr" },
  write: { args: ["i32", "ptr", "u64"], returns: "i64" },
});

/** Of waitpid(2): any child, and do not wait for one. */
export const ANY_CHILD = -1;
export const WNOHANG = 1;

/** Of fcntl(2): reads a descriptor's flags, of which this one says that it was opened after execve(2). */
export const F_GETFD = 1;
export const FD_CLOEXEC = 1;

/** Numbers for syscall(2): close_range(2) (Linux 5.9) has no wrapper in musl 1.2; exit_group(2) is all that _exit(2) does. */
export const SYS_close_range = 436;
export const SYS_exit_group = 231;

export const STDOUT = 1;
export const STDERR = 2;
