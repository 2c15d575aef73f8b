import { version } from "../../package.json";
import { ANY_CHILD, F_GETFD, FD_CLOEXEC, libc, STDERR, STDOUT, SYS_close_range, WNOHANG } from "./libc.ts";
import * as sig from "./signals.ts";

const line = (text: string) => new TextEncoder().encode(`${text}\n`);
const say = (fd: number, text: Uint8Array) => libc.write(fd, text, text.length);

const VERSION = line(`pause.ts ${version}`);
const NOT_FIRST = line("Warning: pause should be the first process");
const INTERRUPT = line("Shutting down, got signal: Interrupt");
const TERMINATED = line("Shutting down, got signal: Terminated");
const WAIT_ENDED = line("Error: infinite loop terminated");
const FLAGS = [new TextEncoder().encode("\0-v\0"), new TextEncoder().encode("\0-V\0")] as const;

// The two signals that end a pod are blocked and taken one at a time. Ignoring SIGCHLD makes the kernel discard every
// child that ends, orphans handed to PID 1 included; the loop takes those that ended before.
if (libc.sigprocmask(sig.SIG_BLOCK, sig.sigset(sig.SIGINT), null) !== 0) libc._exit(1);
if (libc.sigprocmask(sig.SIG_BLOCK, sig.sigset(sig.SIGTERM), null) !== 0) libc._exit(2);
if (libc.sigaction(sig.SIGCHLD, sig.disposition(sig.SIG_IGN), null) !== 0) libc._exit(3);
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
libc.syscall(SYS_close_range, 3, 0xffffffff, 0);

/** Prints the version or warns, as the command line and the PID ask: `args` is `length` bytes, NUL, then each argument and a NUL. */
function look(args: Uint8Array | bigint, length: number | bigint): void {
  for (const flag of FLAGS) {
    if (libc.memmem(args, length, flag, flag.length) === null) continue;
    say(STDOUT, VERSION);
    libc._exit(0);
  }
  if (libc.getpid() !== 1) say(STDERR, NOT_FIRST);
}

const args = new TextEncoder().encode(["", ...process.argv.slice(2), ""].join("\0"));
look(args, args.length);

// A snapshot is this program's memory, taken inside the first wait. Started with arguments, or not as PID 1, the wait
// returns 0, which is no signal, with the address and length of the new command line where si_value would be.
const ending = sig.sigset(sig.SIGINT, sig.SIGTERM);
const info = new BigUint64Array(16);
for (;;) {
  const signal = libc.sigwaitinfo(ending, info);
  if (signal === 0) {
    look(info[3] ?? 0n, info[4] ?? 0n);
    continue;
  }
  const ended = signal === sig.SIGINT ? INTERRUPT : signal === sig.SIGTERM ? TERMINATED : WAIT_ENDED;
  say(STDERR, ended);
  libc._exit(ended === WAIT_ENDED ? 42 : 0);
}
