/** Linux's signal numbers, by their names in signal(7). The compiler inlines an enum's numbers. */
export enum Signal {
  SIGINT = 2,
  SIGPIPE = 13,
  SIGTERM = 15,
  SIGCHLD = 17,
  SIGTTOU = 22,
  SIGXFSZ = 25,
  /** The kernel's highest signal number (_NSIG). */
  NSIG = 64,
}

/** Dispositions of a sigaction's sa_handler besides an address, sigaction(2). */
export const SIG_DFL = 0n;
export const SIG_IGN = 1n;

/** `how` of sigprocmask(2). */
export const SIG_BLOCK = 0;

/** A sigset_t, 128 bytes in glibc and musl: bit `signal - 1` of the first word for each given signal. */
export function sigset(...signals: number[]): BigUint64Array {
  const words = new BigUint64Array(16);
  words[0] = signals.reduce((bits, signal) => bits | (1n << BigInt(signal - 1)), 0n);
  return words;
}

/** A struct sigaction, 152 bytes in glibc and musl: sa_handler first, an empty sa_mask, no sa_flags, no sa_restorer. */
export function disposition(handler: bigint): BigUint64Array {
  const words = new BigUint64Array(19);
  words[0] = handler;
  return words;
}
