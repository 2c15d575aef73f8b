import { join } from "node:path";
import { ARM64_PAUSE, PAUSE } from "../../harness/artifacts.ts";
import { contractIn, KERNEL_OF_16_KB, type Seen, seenOn } from "../../harness/guest.ts";
import { buildLinux, KERNEL_OF_39_BITS, KERNEL_OF_64_KB } from "../../harness/linux.ts";
import { requireMarks, writeMarked } from "../../harness/marks.ts";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import type { Kernel } from "../../src/build/debian/kernel.ts";
import { debianKernel } from "../../src/build/machine/debian.ts";
import { command } from "../../src/support/command.ts";
import type { Scope } from "../../src/support/scope.ts";

/**
 * Runs the contract's tests on dist/arm64/pause and on the C reference in emulated AArch64 machines: kernels with each
 * size of pages and of addresses, on the oldest and the newest processor that each runs on. CI does not run it, because
 * it builds two of the kernels, which takes some five minutes and 1 GB each the first time. Writes the table of
 * docs/architectures.md.
 */
/** Memory in MiB. With pages of 64 kB, a storm of 5,000 orphans takes more than 2 GB. */
const MEMORY = 4096;
/** Several times what one machine takes alone, s. */
const PATIENCE = 1800;
const PAGE = join(import.meta.dir, "..", "..", "docs", "architectures.md");
const MARK = "kernels";

/**
 * Debian's kernels, and some built from its source with extra options, each with QEMU's first processors that it runs
 * on.
 */
const KERNELS: readonly {
  readonly made: string;
  readonly get: (run: Scope) => Promise<Kernel>;
  readonly oldest: string;
}[] = [
  { made: "Debian 12's", get: (run) => debianKernel(run, AARCH64), oldest: "cortex-a53" },
  {
    made: "built, linux-source of Debian 12",
    get: (run) => buildLinux(run, AARCH64, KERNEL_OF_39_BITS),
    oldest: "cortex-a53",
  },
  { made: "Debian 13's", get: (run) => debianKernel(run, AARCH64, KERNEL_OF_16_KB), oldest: "cortex-a76" },
  {
    made: "built, linux-source of Debian 12",
    get: (run) => buildLinux(run, AARCH64, KERNEL_OF_64_KB),
    oldest: "cortex-a53",
  },
];

/** Observations on one kernel and processor: a row of the table. */
type Row = { readonly kernel: string; readonly processor: string; readonly seen: Seen };

function table(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ kernel, processor, seen }) =>
      `| ${[kernel, seen.pageSize, seen.addressBits, processor, seen.passed, seen.failed.length].join(" | ")} |`,
  );
  const notes = rows.flatMap(({ kernel, processor, seen }) =>
    seen.failed.map((name) => `- failed on ${kernel}, ${processor}: ${name}`),
  );
  return [
    `${seenOn(AARCH64)}:`,
    "",
    "| kernel | pages | bits of addresses | processor | tests passed | failed |",
    "| --- | --- | --- | --- | --- | --- |",
    ...lines,
    ...(notes.length === 0 ? [] : ["", ...notes]),
  ].join("\n");
}

await command("matrix:arm64", async (run) => {
  requireMarks(PAGE, MARK);
  const rows: Row[] = [];
  for (const { made, get, oldest } of KERNELS) {
    const kernel = await get(run);
    for (const processor of [oldest, "max"]) {
      const machine = { architecture: AARCH64, processor, kernel, memory: MEMORY, seconds: PATIENCE };
      const seen = await contractIn(run, machine, [{ artifact: PAUSE, file: ARM64_PAUSE }]);
      rows.push({ kernel: `${kernel.release} (${made})`, processor, seen });
      const failed = seen.failed.map((name) => `\n  ${name}`).join("");
      console.log(
        `${kernel.release}, ${processor}: pages of ${seen.pageSize}, ${seen.addressBits} bits, ` +
          `${seen.passed} passed, ${seen.failed.length} failed${failed}`,
      );
    }
  }
  writeMarked(PAGE, MARK, table(rows));
  return rows.some(({ seen }) => seen.failed.length > 0) ? 1 : 0;
});
