import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DIST } from "../support/project.ts";
import type { Scope } from "../support/scope.ts";

/** The prefix of folders in dist that hold unfinished work. */
const UNFINISHED = ".unfinished-";

/**
 * Reserves dist for this run until its end, so that no other command reads or replaces files halfway. A second run in
 * this clone says what it waits for, and waits. Removes what a killed run left.
 */
export async function ownDist(run: Scope): Promise<void> {
  mkdirSync(DIST, { recursive: true });
  await run.lock(DIST, (holder) => console.error(`${holder} is using ${DIST}: waiting for it to finish`));
  for (const name of readdirSync(DIST))
    if (name.startsWith(UNFINISHED)) rmSync(join(DIST, name), { recursive: true, force: true });
}

/** Makes a folder in dist, where there is room for a build; gone when `run` ends. */
export const unfinished = (run: Scope): string => run.folder(UNFINISHED, DIST);
