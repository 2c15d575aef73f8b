import { describe, expect, test } from "bun:test";
import { PRACTICE } from "../../src/snapshot/practice.ts";
import { SCENARIOS, type Scenario, USUAL } from "../../src/snapshot/scenarios.ts";

describe("the scenarios take every path through the program", () => {
  test("each command line, each ending, each path of a message, as PID 1 and not, stopped and not", () => {
    const ways = SCENARIOS.map(({ firstProcess, args, stdout, status, polls, writeFails, wakes }) =>
      [
        firstProcess,
        args.length > 0,
        stdout,
        status,
        JSON.stringify(wakes.at(-1)),
        polls,
        writeFails,
        wakes.length > 1,
      ].join("|"),
    );
    // 2 PIDs x (with and without arguments) x 3 endings x 5 ways of a message x stopped or not; the version x 3 of a
    // write.
    expect(new Set(ways).size).toBe(2 * 2 * 3 * 5 * 2 + 2 * 3);
  });

  test("nothing is printed if stderr is not ready", () => {
    const full = SCENARIOS.filter(({ polls }) => polls === 0);
    expect(full.map(({ stderr }) => stderr)).toEqual(full.map(() => ""));
    expect(full.length).toBeGreaterThan(10);
  });

  test("a failing poll loses no message", () => {
    const said = ({ name, ...scenario }: Scenario) => JSON.stringify(scenario);
    const ready = new Set(SCENARIOS.filter(({ polls }) => polls === undefined).map(said));
    const failing = SCENARIOS.filter(({ polls }) => polls !== undefined && polls < 0);
    for (const { polls, ...scenario } of failing) expect(ready, scenario.name).toContain(said(scenario));
    expect(failing.length).toBeGreaterThan(10);
  });

  test("the usual one is PID 1 without an argument, ended by SIGTERM", () => {
    expect(USUAL).toMatchObject({
      firstProcess: true,
      args: [],
      wakes: [{ signal: 15 }],
      status: 0,
      stderr: "Shutting down, got signal: Terminated\n",
    });
  });

  test("practice has every wait of the scenarios, as PID 1 and not, with stderr ready, with stderr full, and with a failing poll", () => {
    const rounds = new Set(
      PRACTICE.map(({ pid, ready, wait, commandLine }) => `${pid} ${ready} ${wait} ${commandLine}`),
    );
    expect(rounds.size).toBe(2 * 3 * 7);
  });
});
