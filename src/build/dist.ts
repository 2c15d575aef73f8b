import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DIST } from "../support/project.ts";
import type { Scope } from "../support/scope.ts";

/** How the folders begin in which something is made in dist, before it is moved to its place. */
const UNFINISHED = ".unfinished-";

/**
 * Makes dist this run's own until its end: what reads and what replaces files there does not meet another command in
 * the middle of it. A second one in this clone says what it waits for, and waits. What a killed one has left is
 * removed.
 */
export async function ownDist(run: Scope): Promise<void> {
  mkdirSync(DIST, { recursive: true });
  await run.lock(DIST, (holder) => console.error(`${holder} is at work in ${DIST}: waiting for it to end`));
  for (const name of readdirSync(DIST))
    if (name.startsWith(UNFINISHED)) rmSync(join(DIST, name), { recursive: true, force: true });
}

/** A new folder in dist, where there is room for a build; gone when `run` ends. */
export const unfinished = (run: Scope): string => run.folder(UNFINISHED, DIST);
