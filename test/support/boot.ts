import { join } from "node:path";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { boot as bootMachine } from "../../src/machine/boot.ts";
import { debianKernel } from "../../src/machine/debian.ts";
import type { Artifact } from "./artifacts.ts";
import { compileC } from "./compile.ts";

export const canBoot = () => Bun.which(X86_64.emulator.program) !== null;

/**
 * Boots Debian's kernel on an emulated processor of the contract's baseline (no AVX), with a root that holds the artifact as
 * /pause and boot-init.c as /init: all that the console said.
 */
export async function boot({ path }: Artifact): Promise<string> {
  const init = compileC("boot-init", join(import.meta.dir, "boot-init.c"), ["-O2", "-static"]);
  const machine = { architecture: X86_64, processor: X86_64.emulator.baseline, kernel: await debianKernel(X86_64), memory: 256, seconds: 120 };
  const { console } = await bootMachine(machine, [{ path: "init", file: init }, { path: "pause", file: path }]);
  return console;
}
