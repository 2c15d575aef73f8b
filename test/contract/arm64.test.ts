import { describe, expect } from "bun:test";
import { ARM64_PAUSE, PAUSE } from "../../harness/artifacts.ts";
import { contractIn, KERNEL_OF_16_KB } from "../../harness/guest.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { RUN } from "../../harness/run.ts";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { debianKernel } from "../../src/build/machine/debian.ts";

const { emulator } = AARCH64;
const MINUTES = 60_000;

async function keeps(processor: string, kernel: Parameters<typeof debianKernel>[2], pageSize: string): Promise<void> {
  const machine = {
    architecture: AARCH64,
    processor,
    kernel: await debianKernel(RUN, AARCH64, kernel),
    memory: 2048,
    seconds: 900,
  };
  const seen = await contractIn(RUN, machine, [{ artifact: PAUSE, file: ARM64_PAUSE }]);
  expect(seen.failed, seen.output).toEqual([]);
  expect(seen.pageSize).toBe(pageSize);
}

describe("AArch64 in an emulated machine", () => {
  const emulated = testNeeding(program(emulator.program));
  emulated(
    "E10 and all other rows: a Cortex-A53 (ARMv8.0-A), Debian's kernel with pages of 4 kB (takes minutes)",
    () => keeps("cortex-a53", {}, "4 kB"),
    16 * MINUTES,
  );
  emulated(
    "E10 and all other rows: a Cortex-A76, Debian's kernel with pages of 16 kB (takes minutes)",
    () => keeps("cortex-a76", KERNEL_OF_16_KB, "16 kB"),
    16 * MINUTES,
  );
});
