import { describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { PAUSE } from "../../harness/artifacts.ts";
import { PLAIN_STAGE, type PlainConditions, plainlyParked, plainlyPlayed } from "../../harness/plain-stage.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { cost, descriptors, signals, status } from "../../harness/proc.ts";
import { soon } from "../../harness/wait.ts";
import { version } from "../../package.json";
import { childrenOf } from "../../src/support/proc.ts";

/**
 * Checks what is visible of dist/pause's contract with nothing installed. The other files of this folder check every
 * row, on every artifact, and need a compiler.
 */
const TERMINATED = { status: 0, stdout: "", stderr: "Shutting down, got signal: Terminated\n" };
const INTERRUPTED = { ...TERMINATED, stderr: "Shutting down, got signal: Interrupt\n" };
const WARNING = "Warning: pause should be the first process\n";
const VERSION = { status: 0, stdout: `pause.ts ${version}\n`, stderr: "" };

const shows = testNeeding(PLAIN_STAGE, NEEDS.accounts);
const ends = (conditions: PlainConditions, signal: NodeJS.Signals) =>
  plainlyParked(PAUSE, conditions, (_, end) => end(signal));

describe("the contract of dist/pause, without a compiler", () => {
  shows("P1 P4 P5: as PID 1 it parks in silence, and SIGTERM ends it with its line and 0", async () => {
    expect(await ends({}, "SIGTERM")).toEqual(TERMINATED);
  });

  shows("P1 P6: with unknown arguments it still parks, and SIGINT ends it", async () => {
    expect(await ends({ args: ["--version", "-x", "", "v", "--", "-vv"] }, "SIGINT")).toEqual(INTERRUPTED);
  });

  for (const args of [["-v"], ["-V"], ["x", "-v"], ["", "--", "-V", "-v", "y"]]) {
    for (const first of [true, false]) {
      shows(`P2: ${JSON.stringify(args)} prints the version, ${first ? "as PID 1" : "as another"}`, async () => {
        expect(await plainlyPlayed(PAUSE, { args, first })).toEqual(VERSION);
      });
    }
  }

  shows("P3 P5 P6: as another PID it warns, and still parks", async () => {
    const warned = (end: typeof TERMINATED) => ({ ...end, stderr: WARNING + end.stderr });
    expect(await ends({ first: false }, "SIGTERM")).toEqual(warned(TERMINATED));
    expect(await ends({ first: false, args: ["-w"] }, "SIGINT")).toEqual(warned(INTERRUPTED));
  });

  shows("P7 B2: 300 orphans leave no zombie, and cost 0 ns and no wake-up", () =>
    plainlyParked(PAUSE, { orphans: 300 }, async (pid) => {
      await soon("a shell to leave 300 orphans", () =>
        childrenOf(pid).length === 300 && childrenOf(pid).every(({ name }) => name === "sleep") ? true : undefined,
      );
      const before = cost(pid);
      for (const orphan of childrenOf(pid)) process.kill(orphan.pid, "SIGKILL");
      await soon("300 orphans to be gone", () => (childrenOf(pid).length === 0 ? true : undefined));
      expect(cost(pid)).toEqual(before);
    }),
  );

  shows("P10: it installs no handler, and ignores only SIGCHLD", () =>
    plainlyParked(PAUSE, {}, async (pid) => {
      expect(signals(pid, "SigCgt")).toEqual([]);
      expect(signals(pid, "SigIgn")).toEqual([17]);
    }),
  );

  shows("P10 P5: as PID 1 every other signal is ignored", () =>
    plainlyParked(PAUSE, {}, async (pid, end) => {
      for (const signal of ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGPIPE", "SIGALRM", "SIGSEGV", "SIGWINCH"] as const)
        process.kill(pid, signal);
      expect(await end("SIGTERM")).toEqual(TERMINATED);
    }),
  );

  shows("P10: as another PID every other signal has its default action", async () => {
    expect((await ends({ first: false }, "SIGUSR1")).status).toBe(128 + 10);
  });

  shows("E1 E2: alone in its root it keeps the three descriptors it got, and opens none", () =>
    plainlyParked(PAUSE, {}, async (pid) => expect(descriptors(pid)).toEqual([0, 1, 2])),
  );

  for (const fd of [0, 1, 2]) {
    for (const [way, to] of [
      ["closed", `${fd}>&-`],
      ["on /dev/null", `${fd}<>/dev/null`],
      ["on a full device", `${fd}<>/dev/full`],
    ] as const) {
      shows(`E4: descriptor ${fd} ${way}`, async () => {
        const expected = fd === 2 ? { ...TERMINATED, stderr: "" } : TERMINATED;
        expect(await ends({ redirections: to }, "SIGTERM")).toEqual(expected);
        expect((await plainlyPlayed(PAUSE, { redirections: to, args: ["-v"] })).status).toBe(0);
      });
    }
  }

  shows("E5: switches of the runtime, thousands of variables, and a large one change nothing", async () => {
    const hostile = { BUN_BE_BUN: "1", BUN_OPTIONS: "--version", NODE_OPTIONS: "--inspect-brk", "-v": "-v" };
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`NAME_${index}`, "-v"]));
    for (const env of [hostile, many, { LARGE: "-v".repeat(50_000) }])
      expect(await ends({ env }, "SIGTERM")).toEqual(TERMINATED);
  });

  shows("E6: 20,000 arguments, and one of 100 kB", async () => {
    expect(await ends({ args: Array.from({ length: 20_000 }, (_, index) => `${index}`) }, "SIGTERM")).toEqual(
      TERMINATED,
    );
    expect(await ends({ args: ["-v".repeat(50_000), "", "-"] }, "SIGTERM")).toEqual(TERMINATED);
  });

  shows("E9: stopped and continued, it goes on waiting and ends", () =>
    plainlyParked(PAUSE, {}, async (pid, end) => {
      for (let round = 0; round < 20; round++) {
        process.kill(pid, "SIGSTOP");
        await soon("it to stop", () => (status(pid, "State").startsWith("T") ? true : undefined));
        process.kill(pid, "SIGCONT");
        await soon("it to go on", () => (status(pid, "State").startsWith("S") ? true : undefined));
      }
      expect(await end("SIGINT")).toEqual(INTERRUPTED);
    }),
  );

  shows("B2 B4: while parked it has one thread, and does not run", () =>
    plainlyParked(PAUSE, {}, async (pid) => {
      const before = cost(pid);
      await Bun.sleep(500);
      expect(readdirSync(`/proc/${pid}/task`).length).toBe(1);
      expect(cost(pid)).toEqual(before);
    }),
  );
});
