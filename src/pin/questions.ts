import type { Architecture } from "../arch/architecture.ts";
import type { Questions } from "../snapshot/described-cpu.ts";
import { PinError } from "./error.ts";

/** The instructions of x86-64 that ask the processor what it is (Intel SDM volume 2): no other architecture has them. */
const MNEMONICS = ["cpuid", "xgetbv"] as const satisfies readonly (keyof Questions)[];

/**
 * The addresses of all instructions in the ELF file `path` that ask the processor what it is, found with a disassembler; none
 * for an architecture that has no such instruction. @throws PinError when there is no disassembler, or it fails.
 */
export async function findQuestions(path: string, architecture: Architecture): Promise<Record<keyof Questions, string[]>> {
  const found = { cpuid: [] as string[], xgetbv: [] as string[] };
  if (architecture.name !== "x86-64") return found;
  const command = ["objdump", "--disassemble", "--no-show-raw-insn", path];
  if (Bun.which("objdump") === null) throw new PinError("objdump, which finds the places, is not there; on Debian: apt-get install binutils");
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  let rest = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, address, mnemonic] = /^ *([0-9a-f]+):\s+(cpuid|xgetbv)\s*$/.exec(line) ?? [];
      for (const name of MNEMONICS) if (mnemonic === name) found[name].push(`0x${address}`);
    }
  }
  if ((await child.exited) !== 0) throw new PinError(`${command.join(" ")} failed: ${(await child.stderr.text()).trim()}`);
  if (found.cpuid.length === 0) throw new PinError(`${path}: no cpuid instruction in it, where every Bun for ${architecture.name} has some; is it the right file?`);
  return found;
}
