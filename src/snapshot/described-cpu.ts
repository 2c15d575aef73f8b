import { hostArchitecture } from "../arch/architectures.ts";
import { hex } from "../elf/file.ts";
import { UserError } from "../support/error.ts";
import type { Stop, Tracee } from "./ptrace.ts";

const { described, processor } = hostArchitecture();

const SIGILL = 4;

/** The addresses in a runtime of the instructions that ask a processor what it is, by mnemonic. */
export type CpuQueries = Readonly<Record<string, readonly number[]>>;

/**
 * Replaces each of `cpuQueries` with an illegal instruction.
 * @throws UserError when a place holds another instruction: the pin is of another runtime.
 */
export function describeCpu(tracee: Tracee, cpuQueries: CpuQueries): void {
  for (const [name, { instruction }] of Object.entries(described.cpuQueries)) {
    for (const address of cpuQueries[name] ?? []) {
      const found = tracee.read(address, instruction.length);
      if (!found.equals(instruction)) {
        throw new UserError(
          `the runtime has ${found.toString("hex")} at ${hex(address)}, where the pin expects an instruction ` +
            `that queries the processor; run: bun run pin ${Bun.version}`,
        );
      }
      tracee.write(address, described.illegal);
    }
  }
}

/** Answers the question that `stop` asks; returns false if it asks none. */
export function answerCpu(tracee: Tracee, cpuQueries: CpuQueries, stop: Stop): boolean {
  if (stop.kind !== "signal" || stop.signal !== SIGILL) return false;
  const registers = tracee.registers();
  const at = Number(registers[processor.programCounter]);
  const asked = Object.entries(described.cpuQueries).find(([name]) => cpuQueries[name]?.includes(at));
  if (asked === undefined) return false;
  const [, { instruction, answer }] = asked;
  tracee.set({ ...answer(registers), [processor.programCounter]: at + instruction.length });
  return true;
}
