import type { Pointer } from "bun:ffi";
import { version } from "../../package.json";
import {
  ANY_CHILD,
  F_GETFD,
  FD_CLOEXEC,
  Fd,
  libc,
  Memory,
  PTHREAD_CANCEL_DISABLE,
  SYS_close_range,
  WNOHANG,
  writable,
} from "./libc.ts";
import { disposition, SIG_BLOCK, SIG_DFL, SIG_IGN, Signal, sigset } from "./signals.ts";

const exit = libc._Exit;

// The two signals that end a pod are blocked and taken one at a time. Ignoring SIGCHLD makes the kernel discard every
// child that ends, orphans handed to PID 1 included; the loop takes those that ended before. Linux spares PID 1 the
// SIGPIPE of a write that nobody reads; gVisor does not. The SIGTTOU of a write from a terminal's background Linux drops for
// PID 1, and then starts the write again, for ever. So PID 1 blocks both.
const ending = libc.getpid() === 1 ? sigset(Signal.SIGTERM, Signal.SIGPIPE, Signal.SIGTTOU) : sigset(Signal.SIGTERM);
if (libc.sigprocmask(SIG_BLOCK, sigset(Signal.SIGINT), null) !== 0) exit(1);
if (libc.sigprocmask(SIG_BLOCK, ending, null) !== 0) exit(2);
if (libc.sigaction(Signal.SIGCHLD, disposition(SIG_IGN), null) !== 0) exit(3);
while (libc.waitpid(ANY_CHILD, null, WNOHANG) > 0);

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

// No other thread is left that could cancel this one, so the calls need not look for that.
libc.pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, null);

const args = new TextEncoder().encode(
  process.argv
    .slice(2)
    .map((argument) => `${argument}\0`)
    .join(""),
);
park(new Memory(args.length).keep(args), args.length);

/**
 * Looks at the command line (`size` bytes, a NUL behind each argument) and the PID, and waits. What it handles are numbers:
 * addresses of C memory, lengths, a signal, a status. A snapshot is this program's memory, taken where its first wait
 * returns: started with arguments or not as PID 1, it gets 0, which is no signal, and its own command line, and looks again.
 */
function park(commandLine: Pointer, size: number): void {
  const { getpid, poll, sigwaitinfo, strcmp, strlen, write, _Exit } = libc;
  const memory = new Memory(1024);
  const [lower] = memory.text("-v\0");
  const [upper] = memory.text("-V\0");
  const [versionLine, versionSize] = memory.text(`pause.ts ${version}\n`);
  const [warning, warningSize] = memory.text("Warning: pause should be the first process\n");
  const [interrupt, interruptSize] = memory.text("Shutting down, got signal: Interrupt\n");
  const [terminated, terminatedSize] = memory.text("Shutting down, got signal: Terminated\n");
  const [waitEnded, waitEndedSize] = memory.text("Error: infinite loop terminated\n");
  const awaited = memory.keep(sigset(Signal.SIGINT, Signal.SIGTERM));
  const info = memory.keep(new Uint8Array(128));
  const stderr = memory.keep(writable(Fd.STDERR));
  /** The status of a program that goes on waiting. */
  const PARK = -1;
  for (let signal = 0; ; signal = sigwaitinfo(awaited, info)) {
    let fd: number = Fd.STDERR;
    let line = waitEnded;
    let length = waitEndedSize;
    let status = 42;
    if (signal === Signal.SIGTERM) {
      line = terminated;
      length = terminatedSize;
      status = 0;
    } else if (signal === Signal.SIGINT) {
      line = interrupt;
      length = interruptSize;
      status = 0;
    } else if (signal === 0) {
      let asked = false;
      for (let at = 0; at < size; at += strlen((commandLine + at) as Pointer) + 1) {
        const argument = (commandLine + at) as Pointer;
        if (strcmp(argument, lower) === 0 || strcmp(argument, upper) === 0) asked = true;
      }
      if (asked) {
        fd = Fd.STDOUT;
        line = versionLine;
        length = versionSize;
        status = 0;
      } else if (getpid() !== 1) {
        line = warning;
        length = warningSize;
        status = PARK;
      } else {
        continue;
      }
    }
    // What stderr has no room for now is not written: no reader that sleeps holds up the wait, or the end. A poll that fails
    // (RLIMIT_NOFILE can be 0) has said nothing of that.
    if (fd === Fd.STDOUT || poll(stderr, 1, 0) !== 0) write(fd, line, length);
    if (status !== PARK) _Exit(status);
  }
}
