import { join } from "node:path";
import { ARM64_PAUSE } from "../harness/artifacts.ts";
import { compileFor, TEST_DIST } from "../harness/compile.ts";
import { bunAndSources, ENVIRONMENT, inProject, KERNEL_OF_16_KB, seenOn } from "../harness/guest.ts";
import { buildLinux, KERNEL_OF_64_KB } from "../harness/linux.ts";
import { requireMarks, writeMarked } from "../harness/marks.ts";
import { GUEST_VARIABLE } from "../harness/place.ts";
import { AARCH64 } from "../src/arch/aarch64/architecture.ts";
import type { Kernel } from "../src/build/debian/kernel.ts";
import { debianKernel } from "../src/build/machine/debian.ts";
import { runInMachine } from "../src/build/machine/run.ts";
import { command } from "../src/support/command.ts";
import type { Scope } from "../src/support/scope.ts";
import { amount, ratio, withoutUnit } from "./format.ts";
import { REFERENCE, UPSTREAM } from "./peers.ts";
import { RIG } from "./rig.ts";
import { figure, type Samples } from "./samples.ts";

/**
 * Measures dist/arm64/pause against the C program with upstream's structure, in emulated machines with pages of each
 * size, with the benchmark's own rig running there. Writes the tables of docs/architectures.md. CI does not run it,
 * because it builds one of the kernels.
 */
const PAGE = join(import.meta.dir, "..", "docs", "architectures.md");
const MARK = "measured";

const MACHINES: readonly { readonly processor: string; readonly get: (run: Scope) => Promise<Kernel> }[] = [
  { processor: "cortex-a53", get: (run) => debianKernel(run, AARCH64) },
  { processor: "cortex-a76", get: (run) => debianKernel(run, AARCH64, KERNEL_OF_16_KB) },
  { processor: "cortex-a53", get: (run) => buildLinux(run, AARCH64, KERNEL_OF_64_KB) },
];

const OF_THE_FILE = ["file, bytes", "gzip -9, bytes", "segments, count"];
const OF_THE_RUN = [
  "pages mapped, count",
  "RSS, bytes",
  "page tables, bytes",
  "page faults in a whole life, count",
  "exec to parked, ns",
  "SIGTERM to exit, ns",
];
/** The places of files in the machine. */
const [OURS, C, RESULT] = ["files/pause", "files/c", "result.json"];
/** Alone, it takes half a minute. */
const PATIENCE = 600;

/** The results of one machine. */
type Measured = {
  readonly kernel: string;
  readonly processor: string;
  readonly pageSize: number;
  readonly samples: Samples;
};

async function measure(run: Scope, processor: string, kernel: Kernel): Promise<Measured> {
  const { status, output, results } = await runInMachine(
    run,
    { architecture: AARCH64, processor, kernel, memory: 2048, seconds: PATIENCE },
    {
      files: [
        ...(await bunAndSources(run, AARCH64, ["bench/**/*.ts", "node_modules/tinybench/**"])),
        { path: inProject(join(TEST_DIST, RIG.name)), file: compileFor(AARCH64, RIG) },
        { path: OURS, file: ARM64_PAUSE },
        { path: C, file: compileFor(AARCH64, UPSTREAM) },
      ],
      command: [
        "sh",
        "-c",
        `mount -t cgroup2 cgroup2 /sys/fs/cgroup && cd /project && exec bun bench/arm64-guest.ts /${OURS} /${C} /${RESULT}`,
      ],
      environment: [...ENVIRONMENT, `${GUEST_VARIABLE}=`],
      results: [RESULT],
    },
  );
  const result = results.get(RESULT);
  if (status !== 0 || result === undefined)
    throw new Error(
      `measuring on Linux ${kernel.release}, ${processor}: ended with ${status} in the machine:\n${output}`,
    );
  return {
    kernel: kernel.release,
    processor,
    ...(JSON.parse(result.toString()) as Pick<Measured, "pageSize" | "samples">),
  };
}

function report(all: readonly Measured[]): string {
  const [compiler] = Bun.spawnSync([`${AARCH64.gnuTriplet}-gcc`, "--version"])
    .stdout.toString()
    .split("\n");
  const [first] = all;
  return [
    `${seenOn(AARCH64)}, and C by ${compiler}:`,
    "",
    "| | pause / C | pause | C, as upstream |",
    "| --- | --- | --- | --- |",
    ...OF_THE_FILE.map((metric) => `| ${withoutUnit(metric)} | ${compared(metric, first?.samples ?? {})} |`),
    "",
    ...all.map(
      ({ kernel, processor, pageSize }) => `- pages of ${pageSize / 1024} kB: Linux ${kernel} on ${processor}`,
    ),
    "",
    "| | pages | pause / C | pause | C, as upstream |",
    "| --- | --- | --- | --- | --- |",
    ...OF_THE_RUN.flatMap((metric) =>
      all.map(
        ({ pageSize, samples }) => `| ${withoutUnit(metric)} | ${pageSize / 1024} kB | ${compared(metric, samples)} |`,
      ),
    ),
  ].join("\n");
}

/** The ratio of the medians and both medians, each with its spread if it has one. */
function compared(metric: string, samples: Samples): string {
  const [ours, theirs] = ["pause", REFERENCE].map((name) => figure(samples[metric]?.[name] ?? []));
  const shown = [ours, theirs].map((figure) => {
    if (figure === undefined) return "–";
    const { median, low, high } = figure;
    return `${amount(median, metric)}${low === high ? "" : ` (${amount(low, metric)} to ${amount(high, metric)})`}`;
  });
  return [`**${ratio(ours?.median ?? Number.NaN, theirs?.median ?? Number.NaN)}**`, ...shown].join(" | ");
}

await command("bench:arm64", async (run) => {
  requireMarks(PAGE, MARK);
  const all: Measured[] = [];
  for (const { processor, get } of MACHINES) {
    const measured = await measure(run, processor, await get(run));
    console.log(`${measured.kernel}, ${processor}: measured`);
    all.push(measured);
  }
  writeMarked(PAGE, MARK, report(all));
});
