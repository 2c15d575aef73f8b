import { afterAll, describe, expect } from "bun:test";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DYNAMIC, PAUSE, STATIC } from "../../harness/artifacts.ts";
import { TEST_DIST } from "../../harness/compile.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { RUN } from "../../harness/run.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { installedArchive } from "../../src/build/debian/archive.ts";
import { debianKernel } from "../../src/build/machine/debian.ts";
import { pinnedRuntime } from "../../src/build/pin/pin.ts";
import { fetchRuntime } from "../../src/build/runtime.ts";
import { takeSnapshotIn } from "../../src/build/stage-program.ts";
import { libraryDirs } from "../../src/link/libraries.ts";
import { link } from "../../src/link/link.ts";
import { PAUSE_CALLS, PAUSE_FLAGS } from "../../src/pause/entry.ts";
import { sha256 } from "../../src/support/hash.ts";

const { emulator } = X86_64;
const FOLDER = join(TEST_DIST, "same-bytes");
const MINUTES = 60_000;

describe("the snapshot stage, run on another processor and another kernel", () => {
  mkdirSync(FOLDER, { recursive: true });
  afterAll(() => rmSync(FOLDER, { recursive: true }));

  for (const processor of [emulator.baseline, "max"]) {
    testNeeding(program(emulator.program))(
      `an emulated ${processor} with Debian's kernel gives the bytes of dist/pause (takes 1 to 3 minutes)`,
      async () => {
        const output = join(FOLDER, processor);
        const machine = {
          architecture: X86_64,
          processor,
          kernel: await debianKernel(RUN, X86_64),
          memory: 1024,
          seconds: 1200,
        };
        const { path: runtime } = await fetchRuntime(RUN, X86_64, join(TEST_DIST, "..", "runtime"));
        const { start, muslFunction } = link(DYNAMIC.path, readFileSync(DYNAMIC.path), libraryDirs, PAUSE_FLAGS);
        const functions = Object.fromEntries(PAUSE_CALLS.map((name) => [name, muslFunction(name)]));
        const archive = installedArchive(X86_64);
        const { cpuQueries } = pinnedRuntime(X86_64);
        const program = { path: STATIC.path, start, cpuQueries, functions, archive };
        await takeSnapshotIn(RUN, { machine, runtime, libraryDirs }, program, output);
        expect(sha256(readFileSync(output))).toBe(sha256(readFileSync(PAUSE.path)));
      },
      21 * MINUTES,
    );
  }
});
