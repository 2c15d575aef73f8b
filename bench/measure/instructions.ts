import { readFileSync } from "node:fs";
import { hostArchitecture } from "../../src/arch/architectures.ts";
import { installedArchive } from "../../src/build/debian/archive.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { type FirstPage, firstPageOf } from "../../src/explain/packed.ts";
import { Members } from "../../src/link/members.ts";
import { PAUSE_CALLS } from "../../src/pause/entry.ts";
import { observe } from "../../src/snapshot/rehearse.ts";
import { USUAL } from "../../src/snapshot/scenarios.ts";
import { add } from "../samples.ts";
import type { Measurement } from "./measurement.ts";

const NAME = "pause";

/** The shipped file's instructions from the signal to its exit, by origin; in no other file can these be told apart. */
export const instructions: Measurement = {
  name: "instructions",
  seconds: () => 1,
  run: ({ peers, samples, done }) => {
    const [path] = peers.find(({ name }) => name === NAME)?.command ?? [];
    if (path !== undefined) {
      const architecture = hostArchitecture();
      const members = new Members(architecture, installedArchive(architecture), PAUSE_CALLS);
      const first = firstPageOf(architecture, new ElfFile(path, readFileSync(path)), members);
      const executed = { stub: 0, TypeScript: 0, musl: 0 };
      const instruction = (address: number, woken: boolean) => {
        if (woken) executed[originOf(address, first)]++;
      };
      observe(path, USUAL, { instruction, call: () => {} });
      for (const [origin, count] of Object.entries(executed))
        add(samples, `instructions from SIGTERM to exit: ${origin}, count`, NAME, count);
    }
    done(1);
    return Promise.resolve();
  },
};

/** The compiled code lies after the C library's functions, and these after the stub. */
function originOf(address: number, { functionsAt, functionsEnd }: FirstPage): "stub" | "TypeScript" | "musl" {
  if (address < functionsAt) return "stub";
  return address < functionsEnd ? "musl" : "TypeScript";
}
