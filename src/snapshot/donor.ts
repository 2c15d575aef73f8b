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
 * The program to run: a linked file, where musl and the program are entered in it, and where it asks the processor what
 * it is.
 */
export type DonorProgram = {
  readonly path: string;
  readonly start: EntryAddresses;
  readonly cpuQueries: CpuQueries;
  /**
   * The functions of the C library that it calls behind its wait, and where they lie in it; and an archive that has
   * them.
   */
  readonly functions: Readonly<Record<string, number>>;
  readonly archive: string;
};

/** A program stopped where its wait returns. */
export type Donor = Root & {
  readonly tracee: Tracee;
  /** Where the arguments of the function that waits lie. */
  readonly commandLine: number;
  /** Where nothing of its own lies: an address. */
  readonly firstPage: number;
  readonly functions: DonorProgram["functions"];
};

/** A command line in practice, as far up as a kernel puts one. Bytes. */
const COMMAND_LINE = { base: 0x1000_0000_0000, size: PAGE_SIZE };

/**
 * No compiler threads, so that one thread is all there is, and no compiler that bets on types: what it compiles is
 * right for every value, seen before or not. Little room for what it compiles: it fills that from both ends.
 */
const ENVIRONMENT = ["BUN_JSC_useConcurrentJIT=0", "BUN_JSC_useDFGJIT=0", "BUN_JSC_jitMemoryReservationSize=131072"];

/**
 * Runs `program` until it parks in rt_sigtimedwait(2), lets it practise, and returns it stopped where the wait is about
 * to return to the call stub the runtime generated: behind the C library's part of the wait.
 *
 * Two donors must end with the same memory, byte for byte, whatever machine and kernel they run on: so the initial
 * stack, the processor and the kernel's answers are described, not found. The C library's and the runtime's own code
 * runs as it is.
 * @throws UserError when it ends, starts a second thread or does something else on the way that cannot be in a
 * snapshot.
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
    // As it was started: what it practised last is not on its command line.
    tracee.write(commandLine, encodeArguments(0, 0));
    const frame = { start: Number(registers[processor.stackPointer]), end };
    return { tracee, registers, commandLine, frame, firstPage: layout.firstPage, functions: program.functions };
  } catch (error) {
    tracee.kill();
    throw error;
  }
}

/**
 * Sets the program, which stands at its first instruction, to musl's first, with a stack of its own on which no kernel
 * has left a trace.
 */
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
        `the donor's memory at ${hex(base)} cannot be mapped (mmap returned ${got}); move it to where nothing is`,
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

/** A donor on its way, each of its system calls and questions to the processor answered. */
class DonorRun {
  private readonly kernel: DescribedKernel;

  constructor(
    private readonly tracee: Tracee,
    private readonly cpuQueries: CpuQueries,
    layout: MemoryLayout,
  ) {
    this.kernel = new DescribedKernel(layout);
  }

  /** Lets it run until it stands at the entry of its wait. */
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

  /** Ends one wait as `round` says, with its command line for the arguments at `slots`, and lets it run to the next. */
  practise(slots: number, { pid, ready, wait: result, commandLine }: Round): void {
    this.tracee.write(COMMAND_LINE.base, Buffer.from(commandLine));
    this.tracee.write(slots, encodeArguments(COMMAND_LINE.base, commandLine.length));
    this.kernel.pid = pid;
    this.kernel.ready = ready;
    this.carryOut({ result });
    this.toWait();
  }

  /** Lets the wait return 0 and steps until the C library is left behind, into generated code; its registers there. */
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
        `the donor's ${call?.call}(${call?.args.join(", ")}) came to ${JSON.stringify(stop)}, not to ${returns}; ` +
          "see that nothing limits a process's memory here (ulimit -a, vm.overcommit_memory), nor its system calls",
      );
    if (result !== undefined) tracee.setResult(result);
    if (ends) this.returnFromFunction();
    if (fill !== undefined) tracee.write(...fill);
  }

  /** _Exit(3) has nothing on the stack, or nothing but where it was called from. */
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
      `the donor has ${threads} threads where a snapshot can have one; the runtime has changed, look for ` +
        "what starts them",
    );
}
