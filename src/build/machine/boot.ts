import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "../../arch/architecture.ts";
import type { Scope } from "../../support/scope.ts";
import type { Kernel } from "../debian/kernel.ts";
import { MachineError } from "./error.ts";
import { type NewcEntry, writeNewc } from "./newc.ts";

/** A machine that QEMU emulates in software (TCG), without privileges and without the host's virtualisation. */
export type Machine = {
  readonly architecture: Architecture;
  /** One of the models of QEMU's -cpu. The machine has one processor: with two, emulation is slower, not faster. */
  readonly processor: string;
  /** A Linux kernel for it, with the drivers of its serial ports built in. */
  readonly kernel: Kernel;
  /** MiB. */
  readonly memory: number;
  /** Extra words for the kernel's command line. */
  readonly parameters?: readonly string[];
  /** Time limit from start to end, s. */
  readonly seconds: number;
};

/** What a machine wrote to its console and to its second serial port until it ended. */
export type Session = { readonly console: string; readonly port: Buffer };

/**
 * Boots `machine` with `root` as its only files; the kernel executes /init. Waits until the machine is off or the
 * kernel panics.
 * @throws MachineError when QEMU or the kernel is missing, there is no room for the files, or the machine is not off in
 * time.
 */
export async function boot(run: Scope, machine: Machine, root: readonly NewcEntry[]): Promise<Session> {
  requireEmulator(machine.architecture);
  if (!existsSync(machine.kernel.path))
    throw new MachineError(`${describe(machine)}: no kernel at ${machine.kernel.path}; fetch it again`);
  await using own = run.nested();
  const scratch = own.folder("pause-machine-");
  const initramfs = join(scratch, "initramfs");
  writeRoot(machine, initramfs, root);
  const port = join(scratch, "port");
  const console = await emulate(own, machine, initramfs, port);
  return { console, port: existsSync(port) ? readFileSync(port) : Buffer.alloc(0) };
}

/** @throws MachineError naming the package when QEMU is not installed for `architecture`. */
export function requireEmulator({ name, emulator }: Architecture): void {
  if (Bun.which(emulator.program) !== null) return;
  throw new MachineError(
    `emulated ${name} machine: ${emulator.program} not found; on Debian: apt-get install ${emulator.package}`,
  );
}

function writeRoot(machine: Machine, path: string, root: readonly NewcEntry[]): void {
  try {
    writeNewc(path, root);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const remedy = "code" in error && error.code === "ENOSPC" ? "; set TMPDIR to a folder with more room" : "";
    throw new MachineError(`${describe(machine)}: writing its files to ${path}: ${error.message}${remedy}`);
  }
}

/** Returns the console's output. */
async function emulate(run: Scope, machine: Machine, initramfs: string, port: string): Promise<string> {
  const { architecture, processor, kernel, memory, parameters = [], seconds } = machine;
  const { program, board, secondPort } = architecture.emulator;
  const command = [
    ...[program, ...board, "-accel", "tcg", "-smp", "1", "-cpu", processor, "-m", `${memory}`],
    ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-chardev", `file,id=port,path=${port}`, ...secondPort.arguments],
    ...["-kernel", kernel.path, "-initrd", initramfs],
    // A kernel panic ends the machine.
    ...["-append", ["quiet", "panic=-1", ...architecture.emulator.parameters, ...parameters].join(" ")],
  ];
  const { stdout, stderr, status, signal, late } = await run.spawn(command, { seconds }).ended;
  const heard = stdout.replaceAll("\r", "");
  if (late) {
    const words =
      heard === ""
        ? "it printed nothing, so this kernel may not support that processor"
        : `its last output: ${lastOutput(heard)}`;
    throw new MachineError(
      `${describe(machine)}: still running after its ${seconds} s; where emulation is slow, allow it more; ${words}`,
    );
  }
  if (status !== 0) {
    const words = stderr.trim().split("\n").at(-1) || `it gave no reason; it needs ${memory} MiB of memory here`;
    throw new MachineError(`${describe(machine)}: ${program} ended with ${signal ?? status}: ${words}`);
  }
  return heard;
}

/** How messages name a machine. */
export const describe = ({ architecture, processor, kernel }: Machine): string =>
  `emulated ${architecture.name} machine (${processor}, Linux ${kernel.release})`;

/** The kernel's reason if it panicked, otherwise the last line on the console. */
export function lastOutput(console: string): string {
  const lines = console.split("\n").filter((line) => line.trim() !== "");
  return (lines.find((line) => /Kernel panic|Initramfs unpacking failed/.test(line)) ?? lines.at(-1) ?? "none").trim();
}
