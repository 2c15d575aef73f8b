import { join } from "node:path";

/** The repository: where the stages run. */
export const ROOT = join(import.meta.dir, "..", "..");

/** Where what is built goes, and where what was fetched for it is kept. */
export const DIST = join(ROOT, "dist");
