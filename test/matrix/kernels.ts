import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Artifact, PAUSE, REFERENCE } from "../../harness/artifacts.ts";
import { bootBreaks, plainMachine } from "../../harness/boot.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import type { Kernel } from "../../src/build/debian/kernel.ts";
import type { Machine } from "../../src/build/machine/boot.ts";
import { debianKernel } from "../../src/build/machine/debian.ts";
import { MachineError } from "../../src/build/machine/error.ts";
import { command } from "../../src/support/command.ts";
import { sha256 } from "../../src/support/hash.ts";
import type { Scope } from "../../src/support/scope.ts";

/**
 * Runs dist/pause as PID 1 of emulated machines: every kernel on every processor, and with every parameter. If it
 * fails, runs the C reference there too, to tell the machine's faults from ours. Writes docs/kernels.md.
 */
const KERNELS = [
  { suite: "bullseye", name: "linux-image-cloud-amd64" },
  { suite: "bookworm", name: "linux-image-cloud-amd64" },
  { suite: "trixie", name: "linux-image-cloud-amd64" },
  { suite: "trixie", name: "linux-image-rt-amd64" },
  { suite: "sid", name: "linux-image-cloud-amd64" },
];

/** QEMU's models. The first has no more than x86-64-v2. */
const PROCESSORS = [
  "core2duo,+sse4.1,+sse4.2,+popcnt",
  "Nehalem",
  "Westmere",
  "SandyBridge",
  "Haswell",
  "Skylake-Client",
  "EPYC",
  "EPYC-Milan",
  "max,la57=off",
  "max,la57=on",
];

/** Words of the kernel's command line. "sysctl." sets what sysctl(8) would, before the first process starts. */
const PARAMETERS = [
  "norandmaps",
  "init_on_alloc=1",
  "transparent_hugepage=always",
  "vsyscall=none",
  "sysctl.vm.mmap_min_addr=4194304",
  "sysctl.vm.max_map_count=24",
  "sysctl.vm.overcommit_memory=2",
];
const PARAMETERS_ON = "max,la57=on";

const REPORT = join(import.meta.dir, "..", "..", "docs", "kernels.md");

/** A cell of the table: "yes", or a note of what happened. */
type Cell = { readonly text: string; readonly note?: string };

/** Tries `machine`. */
async function attempt(run: Scope, machine: Machine): Promise<Cell> {
  const breaks = await breaksOf(run, PAUSE, machine);
  if (breaks.length === 0) return { text: "yes" };
  const reference = await breaksOf(run, REFERENCE, machine);
  const also =
    reference.length === 0
      ? "the C program runs there"
      : `the C program does not run there either (${reference.join("; ")})`;
  return { text: reference.length === 0 ? "**no**" : "nor C", note: `${breaks.join("; ")}; ${also}` };
}

/** An emulated kernel sometimes ends before it executes anything, which is no finding about the artifact. */
const TRIES = 3;

async function breaksOf(run: Scope, artifact: Artifact, machine: Machine): Promise<string[]> {
  for (let left = TRIES - 1; ; left--) {
    try {
      return await bootBreaks(run, machine, artifact);
    } catch (error) {
      if (!(error instanceof MachineError)) throw error;
      if (left === 0) return [`${error.message} (${TRIES} times)`];
      console.error(`${error.message}; trying again`);
    }
  }
}

/** One table: a row for each of `rows`, a column for each kernel. Failures become notes after it. */
async function table(
  kernels: readonly Kernel[],
  title: string,
  rows: readonly string[],
  fill: (kernel: Kernel, row: string) => Promise<Cell>,
): Promise<string> {
  const notes: string[] = [];
  const lines = [
    `| ${title} | ${kernels.map(({ release }) => release).join(" | ")} |`,
    `| --- |${" --- |".repeat(kernels.length)}`,
  ];
  for (const row of rows) {
    const cells = await Promise.all(kernels.map((kernel) => fill(kernel, row)));
    lines.push(`| ${row} | ${cells.map(({ text }) => text).join(" | ")} |`);
    console.log(lines.at(-1));
    notes.push(
      ...cells.flatMap(({ note }, index) =>
        note === undefined ? [] : [`${row}, ${kernels[index]?.release}: ${note}`],
      ),
    );
  }
  return [...lines, "", ...notes.map((note) => `- ${note}`)].join("\n");
}

const page = (emulator: string, processors: string, parameters: string) => `# Kernels and processors

For anyone who asks whether \`/pause\` runs on their kernel and processor. You get the x86-64 machines that were
emulated.

Written by \`npx -y bun@${Bun.version} run matrix:kernels\` on ${new Date().toISOString().slice(0, 10)}, with ${emulator} (software emulation, no hardware) and Debian's kernels.
The file is \`dist/pause\`, ${readFileSync(PAUSE.path).length.toLocaleString("en-US")} bytes, SHA-256 ${sha256(readFileSync(PAUSE.path))}.

"yes" means that \`/pause\` does all of this there. "nor C" means that a static C program fails there too.

- As PID 1 of a namespace, it exits on SIGTERM. With an unknown argument it waits, and exits on SIGINT.
- It prints its version. It warns if it is not PID 1.
- As PID 1 of the machine itself, it reaps 100 orphans, and exits with 0 on SIGTERM.

5.10 is the oldest kernel that was tried. [The support page](support.md#what-was-run) says what older ones lack.

${processors}

Parameters of the kernel's command line, on the processor \`${PARAMETERS_ON}\`:

${parameters}
`;

await command("matrix:kernels", async (run) => {
  // Fetched once, because otherwise several machines would fetch the kernel at the same time.
  const machine = await plainMachine(run);
  const kernels: Kernel[] = [];
  for (const kernel of KERNELS) kernels.push(await debianKernel(run, X86_64, kernel));
  const processors = await table(kernels, "processor", PROCESSORS, (kernel, processor) =>
    attempt(run, { ...machine, kernel, processor }),
  );
  const parameters = await table(kernels, "parameter", PARAMETERS, (kernel, parameter) =>
    attempt(run, { ...machine, kernel, processor: PARAMETERS_ON, parameters: [parameter] }),
  );
  const emulator = Bun.spawnSync([X86_64.emulator.program, "--version"]).stdout.toString().split("\n")[0] ?? "";
  writeFileSync(REPORT, page(emulator, processors, parameters));
  console.log(REPORT);
});
