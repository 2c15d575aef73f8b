import { readdirSync, readFileSync } from "node:fs";
import { hostArchitecture } from "../arch/architectures.ts";
import type { Registers } from "../arch/processor.ts";
import * as elf from "../elf/constants.ts";
import { ElfFile, hex } from "../elf/file.ts";
import { PAGE_SIZE } from "../elf/pages.ts";
import type { EntryAddresses } from "../link/entry.ts";
import { UserError } from "../support/error.ts";
import { encodeArguments, findFrame } from "./call-frame.ts";
import { answerCpu, type CpuQueries, describeCpu } from "./described-cpu.ts";
import { type Answer, type CallEntry, DescribedKernel } from "./described-kernel.ts";
import type { Root } from "./gather.ts";
import { AT_BASE, AT_ENTRY, AT_HWCAP, AT_PAGESZ, AT_PHDR, AT_PHENT, AT_PHNUM, initialStack } from "./initial-stack.ts";
import { MAP_ANONYMOUS, MAP_FIXED_NOREPLACE, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "./linux.ts";
import { readMappings } from "./memory.ts";
import { layoutBehind, type MemoryLayout } from "./memory-layout.ts";
import { PRACTICE, type Round } from "./practice.ts";
import { type Stop, Tracee } from "./ptrace.ts";

const architecture = hostArchitecture();
const { described, processor } = architecture;

/**
 * The program to run: a linked file, the entries of musl and of the program in it, and the places where it asks the
 * processor what it is.
 */
export type DonorProgram = {
  readonly path: string;
  readonly start: EntryAddresses;
  readonly cpuQueries: CpuQueries;
  /**
   * The C library's functions that it calls after its wait, with their addresses, and an archive that contains them.
   */
  readonly functions: Readonly<Record<string, number>>;
  readonly archive: string;
};

/** A program stopped at the return of its wait. */
export type Donor = Root & {
  readonly tracee: Tracee;
  /** The address of the arguments of the function that waits. */
  readonly commandLine: number;
  /** An address where the program has nothing. */
  readonly firstPage: number;
  readonly functions: DonorProgram["functions"];
};

/** The command line during practice, as high in memory as a kernel may put one. Bytes. */
const COMMAND_LINE = { base: 0x1000_0000_0000, size: PAGE_SIZE };

/**
 * No compiler threads, so that there is only one thread, and no speculating compiler: the compiled code is right for
 * every value, seen before or not. Little room for compiled code, because the runtime fills that from both ends.
 */
const ENVIRONMENT = ["BUN_JSC_useConcurrentJIT=0", "BUN_JSC_useDFGJIT=0", "BUN_JSC_jitMemoryReservationSize=131072"];

/**
 * Runs `program` until it parks in rt_sigtimedwait(2), lets it practise, and returns it stopped where the wait is about
 * to return to the runtime's generated call stub, after the C library's part of the wait.
 *
 * Two donors must end with the same memory, byte for byte, on any machine and kernel. So this describes the initial
 * stack, the processor and the kernel's answers instead of taking the real ones. The C library's and the runtime's own
 * code runs unchanged.
 * @throws UserError when it ends, starts a second thread or does anything else that cannot be in a snapshot.
 */
export function startDonor(program: DonorProgram): Donor {
  const { cpuQueries } = program;
  const file = new ElfFile(program.path, readFileSync(program.path));
  const layout = layoutBehind(file.end);
  const tracee = Tracee.start(program.path);
  try {
    // The exec that started it returns first.
    tracee.next();
    describeCpu(tracee, cpuQueries);
    enter(tracee, file, program.start, layout.stack);
    const run = new DonorRun(tracee, cpuQueries, layout);
    run.toWait();
    run.stepOut();
    const { commandLine, end } = findFrame(tracee);
    run.toWait();
    for (const round of PRACTICE) run.practise(commandLine, round);
    checkOneThread(tracee);
    const registers = run.stepOut();
    // Reset it to its first value, without the arguments of the last practice round.
    tracee.write(commandLine, encodeArguments(0, 0));
    const frame = { start: Number(registers[processor.stackPointer]), end };
    return { tracee, registers, commandLine, frame, firstPage: layout.firstPage, functions: program.functions };
  } catch (error) {
    tracee.kill();
    throw error;
  }
}

/** Moves the program from its first instruction to musl's first, on a new stack without a trace of any kernel. */
function enter(
  tracee: Tracee,
  file: ElfFile,
  { muslBase, muslEntry, programEntry, phnum }: EntryAddresses,
  stack: MemoryLayout["stack"],
): void {
  for (const { base, size } of [stack, COMMAND_LINE]) {
    const got = tracee.call("mmap", [
      base,
      size,
      PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
      -1,
      0,
    ]);
    if (got !== base)
      throw new UserError(
        `the donor's memory at ${hex(base)} cannot be mapped (mmap returned ${got}); move it to a free address`,
      );
  }
  const [table] = file.segmentsOf(elf.PT_PHDR);
  if (table === undefined)
    throw new UserError(`${file.name}: it has no PT_PHDR; give the file that the link stage wrote`);
  const auxv = [
    [AT_PHDR, table.vaddr],
    [AT_PHENT, elf.PHDR_SIZE],
    [AT_PHNUM, phnum],
    [AT_PAGESZ, PAGE_SIZE],
    [AT_BASE, muslBase],
    [AT_ENTRY, programEntry],
    [AT_HWCAP, described.hwcap],
  ] as const;
  const random = Buffer.alloc(16, 0x5a);
  const { address, bytes } = initialStack(stack.base + stack.size, {
    args: ["/pause"],
    environment: ENVIRONMENT,
    auxv,
    random,
  });
  tracee.write(address, bytes);
  tracee.set({ [processor.programCounter]: muslEntry, [processor.stackPointer]: address });
}

/** A running donor. Answers each of its system calls and questions to the processor. */
class DonorRun {
  private readonly kernel: DescribedKernel;

  constructor(
    private readonly tracee: Tracee,
    private readonly cpuQueries: CpuQueries,
    layout: MemoryLayout,
  ) {
    this.kernel = new DescribedKernel(layout);
  }

  /** Runs it to the entry of its wait. */
  toWait(): void {
    for (;;) {
      const stop = this.next();
      if (stop.kind !== "entry")
        throw new UserError(
          `the donor did not reach its wait (${JSON.stringify(stop)}); run pause-static by hand to see why`,
        );
      if (stop.call === "rt_sigtimedwait") return;
      this.carryOut(this.kernel.answer(stop), stop);
    }
  }

  /** Ends one wait as `round` says, with its command line in the arguments at `slots`, and runs it to the next. */
  practise(slots: number, { pid, ready, wait: result, commandLine }: Round): void {
    this.tracee.write(COMMAND_LINE.base, Buffer.from(commandLine));
    this.tracee.write(slots, encodeArguments(COMMAND_LINE.base, commandLine.length));
    this.kernel.pid = pid;
    this.kernel.ready = ready;
    this.carryOut({ result });
    this.toWait();
  }

  /** Makes the wait return 0 and steps from the C library into generated code. Returns the registers there. */
  stepOut(): Registers {
    this.carryOut({ result: 0 });
    const generated = readMappings(this.tracee.pid).filter(({ generated }) => generated);
    for (let steps = 0; steps < 1000; steps++) {
      const registers = this.tracee.registers();
      const at = Number(registers[processor.programCounter]);
      if (generated.some(({ start, end }) => at >= start && at < end)) return registers;
      this.tracee.step();
    }
    throw new UserError(
      "the donor's wait does not return to a call stub of bun:ffi; the program must call it directly",
    );
  }

  private next(): Stop {
    for (;;) {
      const stop = this.tracee.next();
      if (!answerCpu(this.tracee, this.cpuQueries, stop)) return stop;
    }
  }

  private carryOut({ result, returns, args, fill, ends = false }: Answer, call?: CallEntry): void {
    const { tracee } = this;
    if (result !== undefined) tracee.skipCall();
    if (args !== undefined) tracee.setArguments(args);
    const stop = this.next();
    if (stop.kind === "ended")
      throw new UserError(
        `the donor ended with status ${stop.status} before it parked; run pause-static by hand to see why`,
      );
    if (returns !== undefined && !(stop.kind === "exit" && stop.result === returns))
      throw new UserError(
        `the donor's ${call?.call}(${call?.args.join(", ")}) returned ${JSON.stringify(stop)}, not ${returns}; ` +
          "check that nothing limits a process's memory here (ulimit -a, vm.overcommit_memory), nor its system calls",
      );
    if (result !== undefined) tracee.setResult(result);
    if (ends) this.returnFromFunction();
    if (fill !== undefined) tracee.write(...fill);
  }

  /** _Exit(3) has nothing on the stack, except perhaps its return address. */
  private returnFromFunction(): void {
    const { programCounter, stackPointer, linkRegister } = processor;
    const registers = this.tracee.registers();
    if (linkRegister !== undefined) {
      this.tracee.set({ [programCounter]: Number(registers[linkRegister]) });
      return;
    }
    const top = Number(registers[stackPointer]);
    this.tracee.set({ [programCounter]: Number(this.tracee.read(top, 8).readBigUInt64LE()), [stackPointer]: top + 8 });
  }
}

function checkOneThread({ pid }: Tracee): void {
  const threads = readdirSync(`/proc/${pid}/task`).length;
  if (threads !== 1)
    throw new UserError(
      `the donor has ${threads} threads, and a snapshot can have only one; the runtime has changed: find ` +
        "what starts them",
    );
}
