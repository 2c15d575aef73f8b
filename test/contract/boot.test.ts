import { describe, expect } from "bun:test";
import { artifacts } from "../../harness/artifacts.ts";
import { bootBreaks, plainMachine } from "../../harness/boot.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { RUN } from "../../harness/run.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";

describe("PID 1 of an emulated machine: an older CPU and another kernel at once", () => {
  for (const artifact of artifacts().filter(({ keeps }) => keeps.includes("E10"))) {
    testNeeding(program("gcc"), program(X86_64.emulator.program))(
      `E10 P1 P2 P3 P5 P6 P7: ${artifact.name} on a Nehalem under Debian's kernel`,
      async () => expect(await bootBreaks(RUN, await plainMachine(RUN), artifact)).toEqual([]),
      180_000,
    );
  }
});
