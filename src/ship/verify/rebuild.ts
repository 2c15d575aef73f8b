import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build, type Materials } from "../../build/stages.ts";
import { watchSignals } from "../../link/signals.ts";
import { DIST } from "../../support/project.ts";
import { unwritable } from "../../support/report.ts";

/**
 * Builds from `materials` into a folder in dist, where there is room for a build, and gives it to `use`. The folder is gone afterwards
 * in every case; what was built before stays as it was.
 * @throws UserError where a stage cannot do its work; Interrupted on SIGINT, SIGTERM or SIGHUP; what `use` throws.
 */
export async function withRebuilt<T>(materials: Materials, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = makeFolder();
  const { interrupted, stop } = watchSignals();
  try {
    return await Promise.race([build(materials, folder).then(() => use(folder)), interrupted]);
  } finally {
    stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeFolder(): string {
  try {
    mkdirSync(DIST, { recursive: true });
    return mkdtempSync(join(DIST, ".verify-"));
  } catch (error) {
    throw unwritable("dist", error) ?? error;
  }
}
