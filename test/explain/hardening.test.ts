import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { exposureOf } from "../../bench/exposure.ts";
import { RUN } from "../../harness/run.ts";
import type { Architecture } from "../../src/arch/architecture.ts";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { callSiteTable } from "../../src/explain/call-site-table.ts";
import { mapOf } from "../../src/explain/files.ts";
import type { PauseMap } from "../../src/explain/map.ts";
import { REPOSITORY, read } from "../docs/pages.ts";

const MINUTES = 60_000;
const built = ({ debian }: Architecture) => join(REPOSITORY, "dist", debian, "pause");

describe.each(ARCHITECTURES.map((architecture) => [architecture.debian, architecture] as const))(
  "docs/hardening.md, %s",
  (debian, architecture) => {
    let map: PauseMap;
    beforeAll(async () => {
      map = await mapOf(RUN, built(architecture));
    }, 15 * MINUTES);

    test("the row of the file matches the file; if not, run bun run hardening", () => {
      const { bytes, executable, places, writableCode } = exposureOf(
        new ElfFile(debian, readFileSync(built(architecture))),
      );
      const cells = [bytes, executable, places, writableCode].map((value) => value.toLocaleString("en-US")).join(" | ");
      expect(read("docs/hardening.md")).toContain(`| pause, ${debian} | ${cells} | `);
      expect(writableCode).toBe(0);
      expect(places).toBe(map.callSites.length);
    });

    test("the table of places that enter the kernel lists what was found and seen to run", () => {
      expect(read("docs/hardening.md")).toContain(callSiteTable(map).join("\n"));
    });

    test("no scenario maps memory, changes its protection, or makes a call beyond the seccomp profile's ten and their kin", () => {
      const made = new Set(map.scenarios.flatMap(({ calls }) => calls.map(({ call }) => call)));
      const known = [
        "arch_prctl",
        "close_range",
        "exit_group",
        "getpid",
        "poll",
        "ppoll",
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigtimedwait",
        "wait4",
        "write",
      ];
      expect([...made].filter((call) => !known.includes(call))).toEqual([]);
    });
  },
);
