import { expect } from "bun:test";
import type { Artifact } from "../../harness/artifacts.ts";
import { contract } from "../../harness/case.ts";
import { program } from "../../harness/privilege.ts";
import { children, cost, signals, status } from "../../harness/proc.ts";
import { drill, parked, played, soon } from "../../harness/stage.ts";
import { injected } from "../../harness/strace.ts";
import { version } from "../../package.json";

const WARNING = "Warning: pause should be the first process\n";
const TERMINATED = "Shutting down, got signal: Terminated\n";
const INTERRUPT = "Shutting down, got signal: Interrupt\n";
const SIGCHLD = 17;

/** Signals except those it takes, those that stop or continue, and SIGKILL. */
const OTHERS = [
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGPIPE",
  "SIGALRM",
  "SIGSEGV",
  "SIGXFSZ",
  "SIGWINCH",
  "SIGSYS",
] as const;

contract("as upstream does it", [
  {
    rows: ["P1", "P4", "P5"],
    shows: "as PID 1 it parks in silence, and SIGTERM ends it with its line and 0",
    run: async (artifact) => {
      expect(await parked(artifact, {}, (actor) => actor.end("SIGTERM"))).toEqual({
        status: 0,
        stdout: "",
        stderr: TERMINATED,
      });
    },
  },
  {
    rows: ["P1", "P6"],
    shows: "with unknown arguments it still parks, and SIGINT ends it",
    run: async (artifact) => {
      const args = ["--version", "-x", "", "v", "--", "-vv", "sleep", "1"];
      expect(await parked(artifact, { args }, (actor) => actor.end("SIGINT"))).toEqual({
        status: 0,
        stdout: "",
        stderr: INTERRUPT,
      });
    },
  },
  ...[["-v"], ["-V"], ["x", "-v"], ["", "--", "-V", "-v", "y"]].flatMap((args) =>
    [true, false].map((first) => ({
      rows: ["P2"] as const,
      shows: `${JSON.stringify(args)} prints the version, ${first ? "as PID 1" : "as another"}`,
      run: async (artifact: Artifact) => {
        expect(await played(artifact, { args, first })).toEqual({
          status: 0,
          stdout: `pause.ts ${version}\n`,
          stderr: "",
        });
      },
    })),
  ),
  {
    rows: ["P3", "P5", "P6"],
    shows: "as another PID it warns, and still parks",
    run: async (artifact) => {
      expect(await parked(artifact, { first: false }, (actor) => actor.end("SIGTERM"))).toEqual({
        status: 0,
        stdout: "",
        stderr: WARNING + TERMINATED,
      });
      const args = ["-w"];
      expect(await parked(artifact, { first: false, args }, (actor) => actor.end("SIGINT"))).toEqual({
        status: 0,
        stdout: "",
        stderr: WARNING + INTERRUPT,
      });
    },
  },
  {
    rows: ["P7"],
    shows: "orphans that PID 1 adopts leave no zombie",
    run: (artifact) =>
      parked(artifact, {}, async ({ pid }) => {
        expect(await drill("orphans", pid, 300)).toBe("");
        await soon("300 orphans to be gone", () => (children(pid).length === 0 ? true : undefined));
      }),
  },
  {
    rows: ["P7"],
    shows: "its own children leave no zombie",
    run: (artifact) =>
      parked(artifact, { first: false, make: ["children=7"] }, async ({ pid }) => {
        expect(children(pid).length).toBe(7);
        await soon("7 children to be gone", () => (children(pid).length === 0 ? true : undefined));
      }),
  },
  {
    rows: ["P8"],
    shows: "a child that stops and continues changes nothing",
    run: (artifact) =>
      parked(artifact, { first: false, make: ["children=1"] }, async (actor) => {
        const [child] = children(actor.pid);
        if (child === undefined) throw new Error("it has no child");
        const before = cost(actor.pid);
        process.kill(child, "SIGSTOP");
        await soon("the child to stop", () => (status(child, "State").startsWith("T") ? true : undefined));
        process.kill(child, "SIGCONT");
        await soon("the child to go on", () => (status(child, "State").startsWith("S") ? true : undefined));
        expect(cost(actor.pid)).toEqual(before);
        expect((await actor.end()).status).toBe(0);
      }),
  },
  ...(
    [
      ["SIGINT", 1],
      ["SIGTERM", 2],
      ["SIGCHLD", 3],
    ] as const
  ).map(([signal, expected]) => ({
    rows: ["P9"] as const,
    needs: [program("strace")],
    shows: `if setting up ${signal} fails, it exits with ${expected}`,
    run: async (artifact: Artifact) => {
      expect((await injected(artifact, signal)).status).toBe(expected);
    },
  })),
  {
    rows: ["P9"],
    needs: [program("strace")],
    shows: "if the wait fails, it says so and exits with 42",
    run: async (artifact) => {
      const { status, stderr } = await injected(artifact, "wait");
      expect({ status, stderr }).toEqual({ status: 42, stderr: `${WARNING}Error: infinite loop terminated\n` });
    },
  },
  {
    rows: ["P10"],
    shows: "it installs no handler, and ignores only SIGCHLD and what it inherited as ignored",
    run: async (artifact) => {
      for (const [make, inherited] of [
        [[], []],
        [
          ["ignored=1", "ignored=12"],
          [1, 12],
        ],
      ] as const) {
        await parked(artifact, { make }, async ({ pid }) => {
          expect(signals(pid, "SigCgt")).toEqual([]);
          expect(signals(pid, "SigIgn")).toEqual([...inherited, SIGCHLD]);
        });
      }
    },
  },
  {
    rows: ["P10", "P5"],
    shows: "as PID 1 every other signal is ignored",
    run: async (artifact) => {
      const end = await parked(artifact, {}, (actor) => {
        for (const signal of OTHERS) actor.send(signal);
        return actor.end();
      });
      expect(end).toEqual({ status: 0, stdout: "", stderr: TERMINATED });
    },
  },
  {
    rows: ["P10"],
    shows: "as another PID every other signal has its default action",
    run: async (artifact) => {
      for (const [signal, number] of [
        ["SIGUSR1", 10],
        ["SIGPIPE", 13],
      ] as const) {
        const { status } = await parked(artifact, { first: false, make: ["limit=core:0"] }, (actor) =>
          actor.end(signal),
        );
        expect(status).toBe(128 + number);
      }
    },
  },
]);
