import { version } from "../../package.json";
import { EBADF, EINTR, EINVAL, EIO, EPERM } from "./linux.ts";

/** What ends a wait of the program: a signal sent to it, or an error that replaces the kernel's answer. */
export type Wake = { readonly signal: number } | { readonly errno: number };

/**
 * One way to run the program: its arguments, what ends each of its waits in turn, and the required outcome. The
 * snapshot keeps the pages that some scenario touches, so together they must take every path through the program.
 */
export type Scenario = {
  readonly name: string;
  /** Arguments after argv[0]. */
  readonly args: readonly (string | Uint8Array)[];
  readonly firstProcess: boolean;
  /** Overrides of the kernel's answers: what poll(2) returns (0 or a negative errno), and the errno of write(2). */
  readonly polls?: number;
  readonly writeFails?: number;
  readonly wakes: readonly Wake[];
  /** Everything it writes, by descriptor, and its exit status. */
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
};

const SIGINT = 2;
export const SIGTERM = 15;

const VERSION = `pause.ts ${version}\n`;
const WARNING = "Warning: pause should be the first process\n";

const ENDINGS = [
  { name: "SIGTERM", wake: { signal: SIGTERM }, says: "Shutting down, got signal: Terminated\n", status: 0 },
  { name: "SIGINT", wake: { signal: SIGINT }, says: "Shutting down, got signal: Interrupt\n", status: 0 },
  { name: "a wait that fails", wake: { errno: EPERM }, says: "Error: infinite loop terminated\n", status: 42 },
] as const;

const COMMAND_LINES: readonly { readonly name: string; readonly args: readonly (string | Uint8Array)[] }[] = [
  { name: "no argument", args: [] },
  { name: "an argument", args: ["--help"] },
  { name: "an empty argument", args: [""] },
  { name: "arguments not UTF-8, one of 64 KiB", args: [Uint8Array.of(0x2d, 0xff, 0xfe), "-v".repeat(0x8000), "v"] },
  { name: "3,000 arguments", args: Array.from({ length: 3000 }, (_, index) => `-v${index}`) },
];

const VERSION_LINES: readonly (readonly string[])[] = [["-v"], ["-V"], ["a", "-v", "-V"], ["--", "", "-V"]];

/** A stop and continue end the wait with EINTR. */
const STOPPED = { errno: EINTR };

/** write(2) fails on a closed descriptor, or on a device with an error. */
const WRITES = [{}, { writeFails: EBADF }, { writeFails: EIO }] as const;

/** If stderr is a full pipe or socket, it is not ready and nothing is written. With RLIMIT_NOFILE 0, poll(2) fails. */
const SAYINGS: readonly Pick<Scenario, "polls" | "writeFails">[] = [...WRITES, { polls: 0 }, { polls: -EINVAL }];

export const SCENARIOS: readonly Scenario[] = [...waiting(), ...printing()];

/**
 * The life of nearly every pod: PID 1, no argument, SIGTERM, and a reader on stderr.
 * @throws Error when no scenario matches.
 */
export const USUAL: Scenario = SCENARIOS[0] ?? missing();

function waiting(): Scenario[] {
  return [true, false].flatMap((firstProcess) =>
    COMMAND_LINES.flatMap(({ name, args }) =>
      ENDINGS.flatMap((ending) =>
        SAYINGS.flatMap((saying) =>
          [[ending.wake], [STOPPED, STOPPED, ending.wake]].map((wakes) => ({
            name: `${describe(firstProcess, name, saying)}, ${wakes.length - 1} stops, ended by ${ending.name}`,
            ...{ args, firstProcess, ...saying, wakes, stdout: "", status: ending.status },
            stderr: saying.polls !== 0 ? `${firstProcess ? "" : WARNING}${ending.says}` : "",
          })),
        ),
      ),
    ),
  );
}

function printing(): Scenario[] {
  return [true, false].flatMap((firstProcess) =>
    VERSION_LINES.flatMap((args) =>
      WRITES.map((saying) => ({
        name: describe(firstProcess, args.join(" "), saying),
        ...{ args, firstProcess, ...saying, wakes: [], stdout: VERSION, stderr: "", status: 0 },
      })),
    ),
  );
}

function describe(
  firstProcess: boolean,
  args: string,
  { polls, writeFails }: Pick<Scenario, "polls" | "writeFails">,
): string {
  const failing = [
    ...(polls === undefined ? [] : [`poll returns ${polls}`]),
    ...(writeFails === undefined ? [] : [`write fails with ${writeFails}`]),
  ];
  return [firstProcess ? "PID 1" : "another PID", args, ...failing].join(", ");
}

function missing(): never {
  throw new Error("there is no scenario");
}
