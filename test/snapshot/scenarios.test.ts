import { describe, expect, test } from "bun:test";
import { PRACTICE } from "../../src/snapshot/practice.ts";
import { BRIEF_SCENARIOS, SCENARIOS } from "../../src/snapshot/scenarios.ts";

describe("the scenarios go every way through the program", () => {
  test("each command line, each ending, each result of a write, as PID 1 and not, stopped and not", () => {
    const ways = SCENARIOS.map(({ firstProcess, args, stderr, stdout, status, writeFails, wakes }) =>
      [firstProcess, args.length > 0, stdout, stderr, status, writeFails, wakes.length > 1].join("|"),
    );
    // 2 PIDs x (with and without arguments) x 3 endings x 3 results of a write x stopped or not, and the version.
    expect(new Set(ways).size).toBe(2 * 2 * 3 * 3 * 2 + 2 * 3);
  });

  test("those that are stepped through cover the same, but for stops", () => {
    const endings = new Set(BRIEF_SCENARIOS.map(({ firstProcess, stdout, stderr }) => [firstProcess, stdout, stderr].join("|")));
    expect(endings.size).toBe(2 * 3 + 2);
  });

  test("practice has every wait the scenarios have, as PID 1 and not", () => {
    const rounds = new Set(PRACTICE.map(({ pid, wait, commandLine }) => `${pid} ${wait} ${commandLine}`));
    expect(rounds.size).toBe(2 * 7);
  });
});
