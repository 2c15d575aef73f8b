import { ptr } from "bun:ffi";
import { version } from "../../package.json";
import { ANY_CHILD, F_GETFD, FD_CLOEXEC, libc, STDERR, STDOUT, SYS_close_range, SYS_exit_group, WNOHANG } from "./libc.ts";
import * as sig from "./signals.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
/** The status of a program that goes on waiting. */
const PARK = -1;
const exit = (status: number) => libc.syscall(SYS_exit_group, status, 0, 0);

// The two signals that end a pod are blocked and taken one at a time. Ignoring SIGCHLD makes the kernel discard every
// child that ends, orphans handed to PID 1 included; the loop takes those that ended before.
if (libc.sigprocmask(sig.SIG_BLOCK, sig.sigset(sig.SIGINT), null) !== 0) exit(1);
if (libc.sigprocmask(sig.SIG_BLOCK, sig.sigset(sig.SIGTERM), null) !== 0) exit(2);
if (libc.sigaction(sig.SIGCHLD, sig.disposition(sig.SIG_IGN), null) !== 0) exit(3);
while (libc.waitpid(ANY_CHILD, null, WNOHANG) > 0);

// Nothing of the runtime's stays behind: its handlers and the two signals it ignores go back to the kernel's default
// (what else is ignored was inherited so), and its descriptors are closed, also where it filled 0 to 2.
const current = sig.disposition(sig.SIG_DFL);
for (let signal = 1; signal <= sig.NSIG; signal++) {
  if (signal === sig.SIGCHLD || libc.sigaction(signal, null, current) !== 0) continue;
  const ours = signal === sig.SIGPIPE || signal === sig.SIGXFSZ;
  if (ours || (current[0] ?? 0n) > sig.SIG_IGN) libc.sigaction(signal, sig.disposition(sig.SIG_DFL), null);
}
for (let fd = 0; fd <= STDERR; fd++) if (libc.fcntl(fd, F_GETFD, 0) === FD_CLOEXEC) libc.close(fd);
libc.syscall(SYS_close_range, 3, -1, 0);

// What a wait without a signal brings: the command line, as its address and its length in bytes, in words 3 and 4.
const args = bytes(["", ...process.argv.slice(2), ""].join("\0"));
const info = new BigUint64Array(16);
info[3] = BigInt(ptr(args));
info[4] = BigInt(args.length);
park(info);

/**
 * Looks at the command line (a NUL, then each argument and a NUL) and the PID, and waits. A snapshot is this program's
 * memory, taken where its first wait returns: started with arguments or not as PID 1, it gets 0, which is no signal, and
 * a new command line, and looks again. One function that reads nothing from outside it and has one place for each call
 * touches the fewest pages on the way out.
 */
function park(info: BigUint64Array): void {
  const { getpid, memmem, sigwaitinfo, syscall, write } = libc;
  const lower = bytes("\0-v\0");
  const upper = bytes("\0-V\0");
  const versionLine = bytes(`pause.ts ${version}\n`);
  const warning = bytes("Warning: pause should be the first process\n");
  const interrupt = bytes("Shutting down, got signal: Interrupt\n");
  const terminated = bytes("Shutting down, got signal: Terminated\n");
  const waitEnded = bytes("Error: infinite loop terminated\n");
  const ending = sig.sigset(sig.SIGINT, sig.SIGTERM);
  for (let signal = 0; ; signal = sigwaitinfo(ending, info)) {
    let line = waitEnded;
    let status = 42;
    if (signal === sig.SIGTERM || signal === sig.SIGINT) {
      line = signal === sig.SIGTERM ? terminated : interrupt;
      status = 0;
    } else if (signal === 0) {
      const at = info[3] ?? 0n;
      const length = info[4] ?? 0n;
      const asked = memmem(at, length, lower, 4) !== null || memmem(at, length, upper, 4) !== null;
      if (!asked && getpid() === 1) continue;
      line = asked ? versionLine : warning;
      status = asked ? 0 : PARK;
    }
    write(line === versionLine ? STDOUT : STDERR, line, line.length);
    if (status !== PARK) syscall(SYS_exit_group, status, 0, 0);
  }
}
