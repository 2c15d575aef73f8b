import { hostArchitecture } from "../arch/architectures.ts";
import { hex } from "../elf/file.ts";
import { UserError } from "../support/error.ts";
import type { Stop, Tracee } from "./ptrace.ts";

const { described, processor } = hostArchitecture();

const SIGILL = 4;

/** Where in a runtime the instructions stand that ask a processor what it is: addresses by the instruction's name. */
export type Questions = Readonly<Record<string, readonly number[]>>;

/** Puts an illegal instruction in the places of `questions`. @throws UserError when there is something else in one: the pin is of another runtime. */
export function describeCpu(tracee: Tracee, questions: Questions): void {
  for (const [name, { instruction }] of Object.entries(described.questions)) {
    for (const address of questions[name] ?? []) {
      const found = tracee.read(address, instruction.length);
      if (!found.equals(instruction)) {
        throw new UserError(
          `the runtime has ${found.toString("hex")} at ${hex(address)}, where the pin says that it asks for the processor; run: bun run pin ${Bun.version}`,
        );
      }
      tracee.write(address, described.illegal);
    }
  }
}

/** Answers the question that `stop` is; false when it is none. */
export function answerCpu(tracee: Tracee, questions: Questions, stop: Stop): boolean {
  if (stop.kind !== "signal" || stop.signal !== SIGILL) return false;
  const registers = tracee.registers();
  const at = Number(registers[processor.programCounter]);
  const asked = Object.entries(described.questions).find(([name]) => questions[name]?.includes(at));
  if (asked === undefined) return false;
  const [, { instruction, answer }] = asked;
  tracee.set({ ...answer(registers), [processor.programCounter]: at + instruction.length });
  return true;
}
