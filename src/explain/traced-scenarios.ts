import { EBADF, EINVAL } from "../snapshot/linux.ts";
import { SCENARIOS, type Scenario, SIGTERM } from "../snapshot/scenarios.ts";

/**
 * One of the scenarios for each path of the program: as PID 1 and not; without an argument, with an unknown one and
 * with -v; each ending; a stop; a message without room, and one that cannot be written.
 */
export const TRACED_SCENARIOS: readonly Scenario[] = SCENARIOS.filter(isTraced);

function isTraced(scenario: Scenario): boolean {
  const { args, firstProcess, polls, writeFails } = scenario;
  const [argument] = args;
  const plain = polls === undefined && writeFails === undefined;
  if (scenario.wakes.length === 0) return argument === "-v" && (plain || writeFails === EBADF);
  if (argument !== undefined)
    return argument === "--help" && plain && isEndedBy(scenario, SIGTERM) && !isStopped(scenario);
  if (!firstProcess) return !isStopped(scenario) && isEndedBy(scenario, SIGTERM) && (plain || polls === 0);
  if (isStopped(scenario)) return plain && isEndedBy(scenario, SIGTERM);
  return plain || (isEndedBy(scenario, SIGTERM) && (polls === 0 || polls === -EINVAL || writeFails === EBADF));
}

function isEndedBy({ wakes }: Scenario, signal: number): boolean {
  const last = wakes.at(-1);
  return last !== undefined && "signal" in last && last.signal === signal;
}

function isStopped({ wakes }: Scenario): boolean {
  return wakes.length > 1;
}
