import { hostArchitecture } from "../arch/architectures.ts";
import { hex } from "../elf/file.ts";
import { PAGE_SIZE, pageDown } from "../elf/pages.ts";
import { UserError } from "../support/error.ts";
import { readFaults } from "../support/proc.ts";
import type { CallEntry } from "./described-kernel.ts";
import { EFAULT } from "./linux.ts";
import { type Stop, Tracee } from "./ptrace.ts";
import type { Scenario } from "./scenarios.ts";
import { type Access, DataTrace } from "./trace.ts";

const { systemCallInstruction } = hostArchitecture().processor;

const SIGSEGV = 11;
const STDOUT = 1;
/** Bytes of a struct pollfd. */
const POLLFD_SIZE = 8;

/**
 * Runs the candidate at `path` through `scenario`, traced. The scenario replaces the kernel's answers (the PID that it
 * sees, the results of its writes, the ends of its waits), so being PID 1 takes no privilege. Returns the addresses of
 * missing pages that it touched and stopped for; none if it completed.
 * @throws UserError when it completes with other output or another end than the scenario requires.
 */
export function rehearse(path: string, scenario: Scenario): readonly number[] {
  return withCandidate(path, scenario, (candidate) => new Rehearsal(candidate, scenario, () => candidate.next()).run());
}

/** Like rehearse, and reports each use of the data pages at `pages`. */
export function rehearseTraced(
  path: string,
  scenario: Scenario,
  pages: ReadonlySet<number>,
  tell: (access: Access) => void,
): readonly number[] {
  return withCandidate(path, scenario, (candidate) => {
    // The exec that started it returns first.
    candidate.next();
    const trace = new DataTrace(candidate, pages, tell);
    return new Rehearsal(candidate, scenario, () => trace.next(), true).run();
  });
}

/** Like rehearse, but first removes the pages at `without` from its memory. */
export function rehearseWithout(path: string, scenario: Scenario, without: readonly number[]): readonly number[] {
  return withCandidate(path, scenario, (candidate) => {
    // The exec that started it returns first.
    candidate.next();
    for (const page of without) {
      const result = candidate.call("munmap", [page, PAGE_SIZE]);
      if (result !== 0)
        throw new UserError(
          `the page at ${hex(page)} cannot be taken out of the snapshot's memory (munmap returned ${result})`,
        );
    }
    return new Rehearsal(candidate, scenario, () => candidate.next()).run();
  });
}

/**
 * Observes a run: the address of each instruction, and each system call with the address after its instruction.
 * `woken`: its first wait has ended.
 */
export type Observer = {
  readonly instruction: (address: number, woken: boolean) => void;
  readonly call: (entry: CallEntry, behind: number, woken: boolean, candidate: Tracee) => void;
};

/**
 * Steps it through `scenario`, instruction by instruction from its first one. An instruction at a call's entry does not
 * count a second time.
 */
export function observe(path: string, scenario: Scenario, observer: Observer): void {
  withCandidate(path, scenario, (candidate) => {
    candidate.next();
    let last = -1;
    const rehearsal: Rehearsal = new Rehearsal(candidate, scenario, () => {
      const stop = stepToCall(candidate, (address) => {
        if (address !== last) observer.instruction(address, rehearsal.woken);
        last = address;
      });
      if (stop.kind === "entry") observer.call(stop, candidate.programCounter(), rehearsal.woken, candidate);
      return stop;
    });
    return rehearsal.run();
  });
}

/**
 * The page faults, minor and major, from its first instruction to the entry of exit_group(2), when run without
 * stepping.
 */
export function faultsOf(path: string, scenario: Scenario): number {
  return withCandidate(path, scenario, (candidate) => {
    candidate.next();
    const before = readFaults(candidate.pid);
    let faults = 0;
    runToExit(candidate, scenario, () => (faults = readFaults(candidate.pid) - before));
    return faults;
  });
}

/** Runs it to the end; calls `look` at the entry of exit_group(2). */
function runToExit(candidate: Tracee, scenario: Scenario, look: () => void): void {
  new Rehearsal(candidate, scenario, () => {
    const stop = candidate.next();
    if (stop.kind === "entry" && stop.call === "exit_group") look();
    return stop;
  }).run();
}

function stepToCall(candidate: Tracee, visit: (address: number) => void): Stop {
  for (;;) {
    const address = candidate.programCounter();
    visit(address);
    if (candidate.read(address, systemCallInstruction.length).equals(systemCallInstruction)) return candidate.next();
    const stop = candidate.step();
    if (stop !== undefined) return stop;
  }
}

function withCandidate<T>(path: string, { args }: Scenario, use: (candidate: Tracee) => T): T {
  const candidate = Tracee.start(path, args);
  try {
    return use(candidate);
  } finally {
    candidate.kill();
  }
}

class Rehearsal {
  private readonly said = { stdout: "", stderr: "" };
  private waits = 0;

  constructor(
    private readonly candidate: Tracee,
    private readonly scenario: Scenario,
    private readonly advance: () => Stop,
    /** Does the scenario answer every call that uses the candidate's memory in the kernel's place? */
    private readonly answered = false,
  ) {}

  /** Has its first wait ended? */
  get woken(): boolean {
    return this.waits > 0;
  }

  run(): number[] {
    for (let stop = this.advance(); ; stop = this.advance()) {
      if (stop.kind === "ended") return this.checkEnd(stop);
      if (stop.kind === "signal") return this.touched(stop);
      if (stop.kind !== "entry") continue;
      const missing = this.carryOut(stop);
      if (missing.length > 0) return missing;
    }
  }

  private carryOut(call: CallEntry): number[] {
    switch (call.call) {
      case "getpid":
        return this.answer(this.scenario.firstProcess ? 1 : 2);
      case "poll":
      case "ppoll":
        return this.poll(call);
      case "write":
        return this.write(call);
      case "rt_sigtimedwait":
        return this.wait(call);
      default:
        return [];
    }
  }

  /** Skips the call that is being entered and makes it return `result`. */
  private answer(result: number): number[] {
    this.candidate.skipCall();
    this.candidate.next();
    this.candidate.setResult(result);
    return [];
  }

  private poll({ args: [fds = 0] }: CallEntry): number[] {
    const missing = this.unreadable(fds, POLLFD_SIZE);
    const { polls = this.answered ? 1 : undefined } = this.scenario;
    return missing.length > 0 || polls === undefined ? missing : this.answer(polls);
  }

  private write({ args: [fd = 0, address = 0, size = 0] }: CallEntry): number[] {
    const missing = this.unreadable(address, size);
    if (missing.length > 0) return missing;
    this.said[fd === STDOUT ? "stdout" : "stderr"] += this.candidate.read(address, size).toString();
    const { writeFails } = this.scenario;
    return this.answer(writeFails === undefined ? size : -writeFails);
  }

  private wait({ args: [set = 0, info = 0] }: CallEntry): number[] {
    const wake = this.scenario.wakes[this.waits++];
    if (wake === undefined) throw this.wrong("it waits once more");
    if ("errno" in wake) return this.answer(-wake.errno);
    if (this.answered) return this.answer(wake.signal);
    this.candidate.signal(wake.signal);
    const stop = this.candidate.next();
    const fault = stop.kind === "exit" && stop.result === -EFAULT;
    return fault ? [...this.unreadable(set, 8), ...this.unreadable(info, 8)] : [];
  }

  private unreadable(address: number, size: number): number[] {
    const pages: number[] = [];
    for (let page = pageDown(address, PAGE_SIZE); page < address + size; page += PAGE_SIZE) {
      if (address !== 0 && !this.candidate.has(page)) pages.push(page);
    }
    return pages;
  }

  private touched({ signal, address }: Extract<Stop, { kind: "signal" }>): number[] {
    if (signal !== SIGSEGV) throw this.wrong(`it got signal ${signal}`);
    const page = pageDown(address, PAGE_SIZE);
    if (this.candidate.has(page)) throw this.wrong(`the protection of page ${hex(page)} forbids its access`);
    return [page];
  }

  private checkEnd({ status, signal }: Extract<Stop, { kind: "ended" }>): number[] {
    const { stdout, stderr, status: expected } = this.scenario;
    if (signal !== null || status !== expected)
      throw this.wrong(`it ended with ${signal === null ? `status ${status}` : `signal ${signal}`}, not ${expected}`);
    if (this.said.stdout !== stdout)
      throw this.wrong(`it wrote ${JSON.stringify(this.said.stdout)} to stdout, not ${JSON.stringify(stdout)}`);
    if (this.said.stderr !== stderr)
      throw this.wrong(`it wrote ${JSON.stringify(this.said.stderr)} to stderr, not ${JSON.stringify(stderr)}`);
    return [];
  }

  private wrong(what: string): UserError {
    return new UserError(`in the scenario "${this.scenario.name}" the snapshot does not behave as it must: ${what}`);
  }
}
