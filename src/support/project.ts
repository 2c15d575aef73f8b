import { join } from "node:path";

/** The repository's root. The stages run here. */
export const ROOT = join(import.meta.dir, "..", "..");

/** The build's output, and what it downloaded. */
export const DIST = join(ROOT, "dist");
