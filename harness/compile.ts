import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Architecture } from "../src/arch/architecture.ts";
import { IN_GUEST } from "./place.ts";
import { packagesOf } from "./privilege.ts";

/** The folder for what the tests build: beside the artifacts, and also ignored by git. */
export const TEST_DIST = join(import.meta.dir, "..", "dist", "test");

/** A C program of the tests: its name in dist/test, its source file, and gcc's flags. */
export type CProgram = { readonly name: string; readonly source: string; readonly flags: readonly string[] };

/**
 * Compiles a C file of the tests with gcc into dist/test/NAME, once for each version of its text and flags, and returns
 * the path. An emulated machine already has the result. @throws Error with gcc's message.
 */
export function compileC(name: string, source: string, flags: readonly string[]): string {
  const output = join(TEST_DIST, name);
  return IN_GUEST ? output : compileWith("gcc", output, source, flags);
}

export const compileProgram = ({ name, source, flags }: CProgram): string => compileC(name, source, flags);

/** Does the same with Debian's gcc for `architecture`, into dist/test/ARCHITECTURE/NAME. */
export function compileFor({ debian, gnuTriplet }: Architecture, { name, source, flags }: CProgram): string {
  const compiler = `${gnuTriplet}-gcc`;
  if (Bun.which(compiler) === null)
    throw new Error(
      `${compiler} not found: apt-get install gcc-${gnuTriplet.replace("_", "-")} libc6-dev-${debian}-cross`,
    );
  return compileWith(compiler, join(TEST_DIST, debian, name), source, flags);
}

/** Does the same with `compiler`, into `output`. */
export function compileWith(compiler: string, output: string, source: string, flags: readonly string[]): string {
  const command = [compiler, "-Wall", "-Werror", ...flags, "-o", output, source];
  const stamp = `${command.join(" ")}\n${readFileSync(source, "utf8")}`;
  const stampFile = `${output}.stamp`;
  if (existsSync(output) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return output;
  if (Bun.which(compiler) === null) throw new Error(`${compiler} not found: apt-get install ${packagesOf(compiler)}`);
  mkdirSync(dirname(output), { recursive: true });
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}\n${stderr}`);
  writeFileSync(stampFile, stamp);
  return output;
}
