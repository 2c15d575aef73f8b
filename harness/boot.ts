import { join } from "node:path";
import { X86_64 } from "../src/arch/x86-64/architecture.ts";
import { boot as bootMachine, describe, lastOutput, type Machine } from "../src/build/machine/boot.ts";
import { debianKernel } from "../src/build/machine/debian.ts";
import { MachineError } from "../src/build/machine/error.ts";
import type { Scope } from "../src/support/scope.ts";
import type { Artifact } from "./artifacts.ts";
import { compileC } from "./compile.ts";

/** Debian's kernel on an emulated processor with the contract's baseline (no AVX). */
export const plainMachine = async (run: Scope): Promise<Machine> => ({
  architecture: X86_64,
  processor: X86_64.emulator.baseline,
  kernel: await debianKernel(run, X86_64),
  memory: 256,
  seconds: 120,
});

/** What boot-init.c reports if all is well, and the kernel's last words: its first process exited with 0. */
const FINDINGS = {
  ...{ namespace: "0", argument: "0", version: "0", second: "0", low: "0" },
  ...{ orphans: "100", left: "0", first: "pause" },
};
/** The artifact starts with a vm.max_map_count as low as this: a map for each segment, and the kernel's own. */
const MOST_MAPS = 20;
const WORDS = ["Warning: pause should be the first process", "Attempted to kill init! exitcode=0x00000000"];

/**
 * Boots `machine` with a root that holds the artifact as /pause and boot-init.c as /init. Returns a line for each
 * broken promise; none if the artifact kept all. @throws MachineError when the machine fails, or ends before /init
 * begins.
 */
export async function bootBreaks(run: Scope, machine: Machine, { path }: Artifact): Promise<string[]> {
  const init = compileC("boot-init", join(import.meta.dir, "boot-init.c"), ["-O2", "-static"]);
  const { console } = await bootMachine(run, machine, [
    { path: "init", file: init },
    { path: "pause", file: path },
  ]);
  const found = Object.fromEntries(
    [...console.matchAll(/^boot: (\S+) (.*)$/gm)].map(([, what, value]) => [what, value]),
  );
  if (found.kernel === undefined)
    throw new MachineError(
      `${describe(machine)}: it ended before /init began; its last output: ${lastOutput(console)}`,
    );
  const expected = { kernel: machine.kernel.release, ...FINDINGS };
  const wrong = Object.entries(expected).filter(([what, value]) => found[what] !== value);
  const mapped =
    Number(found.maps) <= MOST_MAPS
      ? []
      : [`maps: it starts with vm.max_map_count at ${found.maps ?? "nothing"} or more, not at ${MOST_MAPS}`];
  const unsaid = WORDS.filter((words) => !console.includes(words));
  return [
    ...wrong.map(([what, value]) => `${what}: ${found[what] ?? "nothing"} instead of ${value}`),
    ...mapped,
    ...unsaid.map((words) => `the console never printed: ${words}`),
  ];
}
