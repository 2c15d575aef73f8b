import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where the tests keep what they build: beside the artifacts, and ignored by git as they are. */
export const TEST_DIST = join(import.meta.dir, "..", "..", "dist", "test");

/**
 * Compiles a C file of the tests with gcc into dist/test/NAME, once for each version of its text and flags, and returns
 * the path. @throws Error with gcc's words.
 */
export function compileC(name: string, source: string, flags: readonly string[]): string {
  const output = join(TEST_DIST, name);
  const command = ["gcc", "-Wall", "-Werror", ...flags, "-o", output, source];
  const stamp = `${command.join(" ")}\n${readFileSync(source, "utf8")}`;
  const stampFile = `${output}.stamp`;
  if (existsSync(output) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return output;
  mkdirSync(TEST_DIST, { recursive: true });
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}\n${stderr}`);
  writeFileSync(stampFile, stamp);
  return output;
}
