import type { Pointer } from "bun:ffi";
import { version } from "../../package.json";
import { ANY_CHILD, F_GETFD, FD_CLOEXEC, Fd, libc, Memory, NULL, SYS_close_range, WNOHANG, writable } from "./libc.ts";
import { disposition, SIG_BLOCK, SIG_DFL, SIG_IGN, Signal, sigset } from "./signals.ts";

const exit = libc._Exit;

// Block the two signals that end a pod and take them one at a time. With SIGCHLD ignored, the kernel discards every
// child that ends, including orphans that PID 1 gets; the loop reaps earlier ones. PID 1 also blocks two more. When
// nobody reads a write, gVisor, unlike Linux, delivers its SIGPIPE. When a terminal's background process writes, Linux
// drops the SIGTTOU for PID 1 and restarts the write, forever.
const ending = libc.getpid() === 1 ? sigset(Signal.SIGTERM, Signal.SIGPIPE, Signal.SIGTTOU) : sigset(Signal.SIGTERM);
if (libc.sigprocmask(SIG_BLOCK, sigset(Signal.SIGINT), null) !== 0) exit(1);
if (libc.sigprocmask(SIG_BLOCK, ending, null) !== 0) exit(2);
if (libc.sigaction(Signal.SIGCHLD, disposition(SIG_IGN), null) !== 0) exit(3);
while (libc.wait4(ANY_CHILD, null, WNOHANG, null) > 0);

// Leave nothing of the runtime's: its handlers and the two signals it ignores go back to the kernel's default (any
// other ignored signal was inherited), and its descriptors are closed, even where it filled 0 to 2.
const current = disposition(SIG_DFL);
for (let signal = 1; signal <= Signal.NSIG; signal++) {
  if (signal === Signal.SIGCHLD || libc.sigaction(signal, null, current) !== 0) continue;
  const ours = signal === Signal.SIGPIPE || signal === Signal.SIGXFSZ;
  if (ours || (current[0] ?? 0n) > SIG_IGN) libc.sigaction(signal, disposition(SIG_DFL), null);
}
for (let fd = 0; fd <= Fd.STDERR; fd++) if (libc.fcntl(fd, F_GETFD, 0) === FD_CLOEXEC) libc.close(fd);
libc.syscall(SYS_close_range, 3, -1, 0);

/** The lines it can print. Each value is the line's offset in C memory, in bytes from the first. */
enum Line {
  VERSION = 0,
  WARNING = 64,
  INTERRUPT = 128,
  TERMINATED = 192,
  ENDED = 256,
}
const LINES = {
  [Line.VERSION]: `pause.ts ${version}\n`,
  [Line.WARNING]: "Warning: pause should be the first process\n",
  [Line.INTERRUPT]: "Shutting down, got signal: Interrupt\n",
  [Line.TERMINATED]: "Shutting down, got signal: Terminated\n",
  [Line.ENDED]: "Error: infinite loop terminated\n",
};

/** The status of a program that keeps waiting. */
const WAIT_ON = -1;

const args = process.argv
  .slice(2)
  .map((argument) => `${argument}\0`)
  .join("");
const memory = new Memory(1024 + Buffer.byteLength(args));
park(
  memory.text(args),
  Buffer.byteLength(args),
  memory.text("-v\0"),
  memory.lines(LINES),
  memory.keep(sigset(Signal.SIGINT, Signal.SIGTERM)),
  memory.keep(writable(Fd.STDERR)),
  libc,
);

/**
 * Checks the command line (`size` bytes, a NUL after each argument) and the PID, then waits. All its data are numbers:
 * addresses of C memory, lengths, a signal, a status. A snapshot is this program's memory at the return of its first
 * wait. Started with arguments or not as PID 1, it gets 0 there, which is no signal, and its own command line, and
 * checks again.
 */
function park(
  commandLine: Pointer,
  size: number,
  versionFlag: Pointer,
  lines: Pointer,
  ending: Pointer,
  stderr: Pointer,
  { getpid, poll, sigwaitinfo, strcasecmp, strlen, write, _Exit }: typeof libc,
): void {
  for (let signal = 0; ; signal = sigwaitinfo(ending, NULL)) {
    let fd: number = Fd.STDERR;
    let line = Line.ENDED;
    let status = 42;
    if (signal === Signal.SIGTERM) {
      line = Line.TERMINATED;
      status = 0;
    } else if (signal === Signal.SIGINT) {
      line = Line.INTERRUPT;
      status = 0;
    } else if (signal === 0) {
      let asked = false;
      for (let at = 0; at < size; at += strlen((commandLine + at) as Pointer) + 1) {
        if (strcasecmp((commandLine + at) as Pointer, versionFlag) === 0) asked = true;
      }
      if (asked) {
        fd = Fd.STDOUT;
        line = Line.VERSION;
        status = 0;
      } else if (getpid() !== 1) {
        line = Line.WARNING;
        status = WAIT_ON;
      } else {
        continue;
      }
    }
    // Drop a line that stderr has no room for now: a reader that sleeps must not hold up the wait or the exit. A failed
    // poll (RLIMIT_NOFILE can be 0) says nothing about room.
    const text = (lines + line) as Pointer;
    if (fd === Fd.STDOUT || poll(stderr, 1, 0) !== 0) write(fd, text, strlen(text));
    if (status !== WAIT_ON) _Exit(status);
  }
}
