import { hostArchitecture } from "../arch/architectures.ts";
import { hex } from "../elf/file.ts";
import { PAGE_SIZE, pageDown } from "../elf/pages.ts";
import { UserError } from "../support/error.ts";
import type { CallEntry } from "./described-kernel.ts";
import { PROT_NONE, PROT_READ, PROT_WRITE } from "./linux.ts";
import type { Stop, Tracee } from "./ptrace.ts";

const { systemCallInstruction } = hostArchitecture().processor;

/**
 * A use of data: at most `size` bytes from `address` on, by the instruction at `instruction` or, in a system call, by
 * the kernel. `pointers`: the register values at that time that could have led there.
 */
export type Access = {
  readonly address: number;
  readonly size: number;
  readonly instruction: number;
  readonly pointers: readonly number[];
};

/** How far from a pointer a use through it may lie, in bytes. */
export const REACH = PAGE_SIZE;

/** The widest access of either architecture: a pair of registers. Bytes. */
const WIDEST = 16;
/** Bytes of a struct pollfd, and of the kernel's sigset_t. */
const POLLFD_SIZE = 8;
const SIGSET_SIZE = 8;
const SIGSEGV = 11;

/**
 * Runs a candidate with its data pages removed. Each use of one faults: this reports it, and lets that one instruction
 * run with the page restored.
 */
export class DataTrace {
  /** The address of a system call instruction in the candidate. */
  private gate: number | undefined;

  /** `pages`: the addresses of the candidate's data pages. */
  constructor(
    private readonly candidate: Tracee,
    private readonly pages: ReadonlySet<number>,
    private readonly tell: (access: Access) => void,
  ) {
    this.protect([...pages], PROT_NONE);
  }

  /** Like Tracee.next, without the stops that this class causes. */
  next(): Stop {
    for (;;) {
      const stop = this.candidate.next();
      if (stop.kind === "entry") this.tellOfCall(stop);
      if (!this.isUse(stop)) return stop;
      const other = this.perform(stop);
      if (other !== undefined) return other;
    }
  }

  private isUse(stop: Stop): stop is Extract<Stop, { kind: "signal" }> {
    return stop.kind === "signal" && stop.signal === SIGSEGV && this.pages.has(pageDown(stop.address, PAGE_SIZE));
  }

  /** Performs the access at `stop` and the instruction's further ones. Returns any other reason that it stopped for. */
  private perform(stop: Extract<Stop, { kind: "signal" }>): Stop | undefined {
    const opened: number[] = [];
    for (let use: Stop = stop; ; ) {
      if (!this.isUse(use)) return use;
      this.tellOf(use.address);
      const page = pageDown(use.address, PAGE_SIZE);
      this.protect([page], PROT_READ | PROT_WRITE);
      opened.push(page);
      const next = this.candidate.step();
      if (next === undefined) break;
      use = next;
    }
    this.protect(opened, PROT_NONE);
    return undefined;
  }

  private tellOf(address: number): void {
    const pointers = Object.values(this.candidate.registers()).map(Number);
    this.tell({
      ...{ address, size: WIDEST, instruction: this.candidate.programCounter() },
      pointers: pointers.filter((pointer) => Math.abs(pointer - address) < REACH),
    });
  }

  /** Reports what the kernel would use. The caller must answer the call, because the kernel does not get the pages. */
  private tellOfCall({ call, args: [first = 0, second = 0, third = 0] }: CallEntry): void {
    this.gate ??= this.candidate.programCounter() - systemCallInstruction.length;
    const read = {
      poll: [first, second * POLLFD_SIZE],
      ppoll: [first, second * POLLFD_SIZE],
      write: [second, third],
      rt_sigtimedwait: [first, SIGSET_SIZE],
    }[call];
    const [address = 0, size = 0] = read ?? [];
    if (this.pages.has(pageDown(address, PAGE_SIZE)))
      this.tell({ address, size, instruction: this.candidate.programCounter(), pointers: [address] });
  }

  private protect(pages: readonly number[], protection: number): void {
    for (const page of pages) {
      const result = this.candidate.call("mprotect", [page, PAGE_SIZE, protection], this.gate);
      if (result !== 0) throw new UserError(`mprotect of the page at ${hex(page)} of a candidate returned ${result}`);
    }
  }
}
