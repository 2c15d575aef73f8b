import { join } from "node:path";
import { version } from "../../package.json";
import { compileC } from "./compile.ts";

/** The C reference, compiled for size, static and stripped: its path. */
export function buildReference(): string {
  const source = join(import.meta.dir, "..", "reference", "pause.c");
  return compileC("reference", source, ["-Os", "-static", "-s", `-DVERSION="${version}"`]);
}
