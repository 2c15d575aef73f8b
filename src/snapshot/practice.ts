import { EINVAL } from "./linux.ts";

/**
 * One round of practice: the PID the program sees, what poll returns of stderr, what its wait returns, and
 * the command line that a wait without a signal brings, a NUL behind each argument.
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
 * All that can happen to the program, as PID 1 and otherwise, often enough that the runtime has compiled its loop and
 * settled every call in it. What runs in a snapshot is then a few hundred instructions in a few pages, and nothing in
 * it is done for the first time.
 */
export const PRACTICE: readonly Round[] = Array.from({ length: 60 }, () =>
  [1, 2].flatMap((pid) => [1, 0, -EINVAL].flatMap((ready) => WAITS.map((wait) => ({ pid, ready, ...wait })))),
).flat();
