import { dlopen, type Pointer } from "bun:ffi";

/**
 * The libc functions that pause calls. `libc.so.6` is glibc's file name, and musl's loader takes every name that begins
 * with `libc.` for itself without opening a file, so one name serves both. The functions called after the wait come
 * last: their call stubs then lie beside the function that waits, which is compiled after them.
 */
export const { symbols: libc } = dlopen("libc.so.6", {
  syscall: { args: ["i32", "i32", "i32", "i32"], returns: "i32" },
  malloc: { args: ["i32"], returns: "ptr" },
  wait4: { args: ["i32", "ptr", "i32", "ptr"], returns: "i32" },
  sigprocmask: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  sigaction: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  memcpy: { args: ["ptr", "ptr", "i32"], returns: "ptr" },
  sigwaitinfo: { args: ["ptr", "ptr"], returns: "i32" },
  poll: { args: ["ptr", "i32", "i32"], returns: "i32" },
  write: { args: ["i32", "ptr", "i32"], returns: "i32" },
  _Exit: { args: ["i32"], returns: "void" },
  getpid: { args: [], returns: "i32" },
  strcasecmp: { args: ["ptr", "ptr"], returns: "i32" },
  strlen: { args: ["ptr"], returns: "i32" },
});

/** For waitpid(2): any child, without waiting for one. */
export const ANY_CHILD = -1;
export const WNOHANG = 1;

/** For fcntl(2): reads a descriptor's flags. A descriptor with FD_CLOEXEC was opened after execve(2). */
export const F_GETFD = 1;
export const FD_CLOEXEC = 1;

/** For syscall(2): close_range(2) (Linux 5.9) has no wrapper in musl 1.2. */
export const SYS_close_range = 436;

/** C's NULL: a number, because JavaScript's null is not a pointer here. */
export const NULL = 0 as Pointer;

export enum Fd {
  STDOUT = 1,
  STDERR = 2,
}

/** For poll(2): a write will not block. */
const POLLOUT = 4;

/**
 * C memory in one piece, which no collector moves: the program's data lie side by side in it. @throws Error when there
 * is none.
 */
export class Memory {
  private end: Pointer;

  constructor(size: number) {
    const address = libc.malloc(size);
    if (typeof address !== "number") throw new Error(`malloc: no memory for ${size} bytes`);
    this.end = address;
  }

  /** Copies `bytes` to an address that is a multiple of 8. */
  keep(bytes: NodeJS.TypedArray): Pointer {
    const address = this.end;
    libc.memcpy(address, bytes, bytes.byteLength);
    this.end = (address + Math.ceil(bytes.byteLength / 8) * 8) as Pointer;
    return address;
  }

  /** Copies `text`, without a NUL at its end. */
  text(text: string): Pointer {
    return this.keep(new TextEncoder().encode(text));
  }

  /** Copies lines to their offsets, in bytes from the first: in ascending order, with room for a NUL after each. */
  lines(lines: Readonly<Record<number, string>>): Pointer {
    const places = Object.keys(lines).map(Number);
    const table = new Uint8Array(Math.max(...places) + 64);
    for (const place of places) new TextEncoder().encodeInto(`${lines[place]}\0`, table.subarray(place, place + 64));
    return this.keep(table);
  }
}

/** A struct pollfd that asks whether a write to `fd` can proceed: int fd, short events, short revents. */
export const writable = (fd: number) => Int16Array.of(fd, 0, POLLOUT, 0);
