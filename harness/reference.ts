import { join } from "node:path";
import { version } from "../package.json";
import { type CProgram, compileProgram } from "./compile.ts";

/** The C reference, compiled for size, static and stripped. */
export const REFERENCE_PROGRAM: CProgram = {
  name: "reference",
  source: join(import.meta.dir, "reference.c"),
  flags: ["-Os", "-static", "-s", `-DVERSION="${version}"`],
};

/** Its path. */
export const buildReference = (): string => compileProgram(REFERENCE_PROGRAM);
