import { describe, expect } from "bun:test";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { debianKernel } from "../../src/machine/debian.ts";
import { contractIn } from "../support/guest.ts";
import { testNeeding } from "../support/privilege.ts";

const { emulator } = AARCH64;
const emulated = testNeeding(emulator.program, Bun.which(emulator.program) !== null);

describe("AArch64, in an emulated machine", () => {
  emulated(
    "E10: the whole contract on a Cortex-A53 with pages of 4 kB (takes 4 minutes)",
    async () => {
      const machine = { architecture: AARCH64, processor: emulator.baseline, kernel: await debianKernel(AARCH64), memory: 1024, seconds: 900 };
      const { status, output } = await contractIn(machine, ["upstream.test.ts", "conditions.test.ts", "promises.test.ts"], []);
      console.log(output);
      expect(status).toBe(0);
    },
    1_000_000,
  );
});
