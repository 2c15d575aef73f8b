import { EINVAL } from "./linux.ts";

/**
 * One round of practice: the PID that the program sees, what poll returns for stderr, what its wait returns, and the
 * command line for a wait without a signal, with a NUL after each argument.
 */
export type Round = {
  readonly pid: number;
  readonly ready: number;
  readonly wait: number;
  readonly commandLine: string;
};

const SIGINT = 2;
const SIGTERM = 15;
const FAILED = -1;

const WAITS: readonly Omit<Round, "pid" | "ready">[] = [
  { wait: SIGTERM, commandLine: "" },
  { wait: SIGINT, commandLine: "" },
  { wait: FAILED, commandLine: "" },
  { wait: 0, commandLine: "" },
  { wait: 0, commandLine: "an argument\0" },
  { wait: 0, commandLine: "-v\0" },
  { wait: 0, commandLine: "two\0-V\0" },
];

/**
 * Everything that can happen to the program, as PID 1 and otherwise, often enough that the runtime has compiled its
 * loop and settled every call in it. A snapshot then runs a few hundred instructions in a few pages, and does nothing
 * for the first time.
 */
export const PRACTICE: readonly Round[] = Array.from({ length: 60 }, () =>
  [1, 2].flatMap((pid) => [1, 0, -EINVAL].flatMap((ready) => WAITS.map((wait) => ({ pid, ready, ...wait })))),
).flat();
