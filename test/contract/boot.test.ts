import { describe, expect } from "bun:test";
import { artifacts } from "../support/artifacts.ts";
import { boot, canBoot } from "../support/boot.ts";
import { testNeeding } from "../support/privilege.ts";

describe("PID 1 of an emulated machine: an older CPU and another kernel at once", () => {
  for (const artifact of artifacts().filter(({ keeps }) => keeps.includes("E10"))) {
    testNeeding("qemu-system-x86_64", canBoot())(
      `E10 P1 P2 P3 P5 P6 P7: ${artifact.name} on a Nehalem under Debian's kernel`,
      async () => {
        const said = await boot(artifact);
        const found = Object.fromEntries([...said.matchAll(/^boot: (\S+) (.*)$/gm)].map(([, what, value]) => [what, value]));
        expect(found).toEqual({
          kernel: expect.stringMatching(/-amd64$/),
          ...{ namespace: "0", argument: "0", version: "0", second: "0" },
          ...{ orphans: "100", left: "0", first: "pause" },
        });
        expect(said).toContain("Warning: pause should be the first process");
        // The kernel's last words: its first process has ended, with 0.
        expect(said).toMatch(/Attempted to kill init! exitcode=0x00000000/);
      },
      180_000,
    );
  }
});
