import { describe, expect } from "bun:test";
import { artifacts } from "../../harness/artifacts.ts";
import { bootBreaks, canBoot, plainMachine } from "../../harness/boot.ts";
import { testNeeding } from "../../harness/privilege.ts";

describe("PID 1 of an emulated machine: an older CPU and another kernel at once", () => {
  for (const artifact of artifacts().filter(({ keeps }) => keeps.includes("E10"))) {
    testNeeding("qemu-system-x86_64", canBoot())(
      `E10 P1 P2 P3 P5 P6 P7: ${artifact.name} on a Nehalem under Debian's kernel`,
      async () => expect(await bootBreaks(await plainMachine(), artifact)).toEqual([]),
      180_000,
    );
  }
});
