import type { Pointer } from "bun:ffi";
import { version } from "../../package.json";
import { ANY_CHILD, F_GETFD, FD_CLOEXEC, Fd, libc, Memory, NULL, SYS_close_range, WNOHANG, writable } from "./libc.ts";
import { disposition, SIG_BLOCK, SIG_DFL, SIG_IGN, Signal, sigset } from "./signals.ts";

const exit = libc._Exit;

// The two signals that end a pod are blocked and taken one at a time. Ignoring SIGCHLD makes the kernel discard every
// child that ends, orphans handed to PID 1 included; the loop takes those that ended before. Linux spares PID 1 the
// SIGPIPE of a write that nobody reads; gVisor does not. The SIGTTOU of a write from a terminal's background Linux
// drops for PID 1, and then starts the write again, for ever. So PID 1 blocks both.
const ending = libc.getpid() === 1 ? sigset(Signal.SIGTERM, Signal.SIGPIPE, Signal.SIGTTOU) : sigset(Signal.SIGTERM);
if (libc.sigprocmask(SIG_BLOCK, sigset(Signal.SIGINT), null) !== 0) exit(1);
if (libc.sigprocmask(SIG_BLOCK, ending, null) !== 0) exit(2);
if (libc.sigaction(Signal.SIGCHLD, disposition(SIG_IGN), null) !== 0) exit(3);
while (libc.wait4(ANY_CHILD, null, WNOHANG, null) > 0);

// Nothing of the runtime's stays behind: its handlers and the two signals it ignores go back to the kernel's default
// (what else is ignored was inherited so), and its descriptors are closed, also where it filled 0 to 2.
const current = disposition(SIG_DFL);
for (let signal = 1; signal <= Signal.NSIG; signal++) {
  if (signal === Signal.SIGCHLD || libc.sigaction(signal, null, current) !== 0) continue;
  const ours = signal === Signal.SIGPIPE || signal === Signal.SIGXFSZ;
  if (ours || (current[0] ?? 0n) > SIG_IGN) libc.sigaction(signal, disposition(SIG_DFL), null);
}
for (let fd = 0; fd <= Fd.STDERR; fd++) if (libc.fcntl(fd, F_GETFD, 0) === FD_CLOEXEC) libc.close(fd);
libc.syscall(SYS_close_range, 3, -1, 0);

/** What it can say, each line by its place in C memory: so many bytes from the first. */
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

/** The status of a program that goes on waiting. */
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
 * Looks at the command line (`size` bytes, a NUL behind each argument) and the PID, and waits. What it handles are
 * numbers: addresses of C memory, lengths, a signal, a status. A snapshot is this program's memory, taken where its
 * first wait returns: started with arguments or not as PID 1, it gets 0, which is no signal, and its own command line,
 * and looks again.
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
    // What stderr has no room for now is not written: no reader that sleeps holds up the wait, or the end. A poll that
    // fails (RLIMIT_NOFILE can be 0) has said nothing of that.
    const text = (lines + line) as Pointer;
    if (fd === Fd.STDOUT || poll(stderr, 1, 0) !== 0) write(fd, text, strlen(text));
    if (status !== WAIT_ON) _Exit(status);
  }
}
