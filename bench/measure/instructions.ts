import { readFileSync } from "node:fs";
import { ElfFile } from "../../src/elf/file.ts";
import { PAGE_SIZE, pageDown } from "../../src/elf/pages.ts";
import { originOf } from "../../src/snapshot/memory-layout.ts";
import { observe } from "../../src/snapshot/rehearse.ts";
import { USUAL } from "../../src/snapshot/scenarios.ts";
import { add } from "../samples.ts";
import type { Measurement } from "./measurement.ts";

const NAME = "pause";

/** Of the shipped file, the one that can be told apart so: what it executes from the signal to its exit, by where that came from. */
export const instructions: Measurement = {
  name: "instructions",
  seconds: () => 1,
  run: ({ peers, samples, done }) => {
    const [path] = peers.find(({ name }) => name === NAME)?.command ?? [];
    if (path !== undefined) {
      const firstPage = pageDown(new ElfFile(path, readFileSync(path)).entry, PAGE_SIZE);
      const executed = { stub: 0, TypeScript: 0, musl: 0 };
      const instruction = (address: number, woken: boolean) => {
        if (woken) executed[originOf(address, firstPage)]++;
      };
      observe(path, USUAL, { instruction, call: () => {} });
      for (const [origin, count] of Object.entries(executed))
        add(samples, `instructions from SIGTERM to exit: ${origin}, count`, NAME, count);
    }
    done(1);
    return Promise.resolve();
  },
};
