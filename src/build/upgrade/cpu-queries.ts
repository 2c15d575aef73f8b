import type { Architecture } from "../../arch/architecture.ts";
import { UserError } from "../../support/error.ts";
import type { Scope } from "../../support/scope.ts";

/**
 * Disassembles the ELF file `path`. Returns the addresses of all instructions that query the processor, in hexadecimal
 * and by mnemonic; nothing for an architecture without such an instruction.
 * @throws UserError when there is no disassembler, it fails, or an instruction never occurs.
 */
export async function findCpuQueries(
  run: Scope,
  path: string,
  architecture: Architecture,
): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = Object.fromEntries(
    Object.keys(architecture.described.cpuQueries).map((name) => [name, []]),
  );
  if (Object.keys(found).length === 0) return found;
  const command = ["objdump", "--disassemble", "--no-show-raw-insn", path];
  if (Bun.which("objdump") === null) throw new UserError("objdump not found; on Debian: apt-get install binutils");
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe", signal: run.signal });
  let rest = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, address, mnemonic = ""] = /^ *([0-9a-f]+):\s+(\S+)\s*$/.exec(line) ?? [];
      found[mnemonic]?.push(`0x${address}`);
    }
  }
  if ((await child.exited) !== 0)
    throw new UserError(`${command.join(" ")} failed: ${(await child.stderr.text()).trim()}`);
  const [absent] = Object.entries(found).filter(([, places]) => places.length === 0);
  if (absent !== undefined)
    throw new UserError(
      `${path}: found no ${absent[0]} instruction, and every Bun for ${architecture.name} has some; ` +
        "check that this is the right file",
    );
  return found;
}
