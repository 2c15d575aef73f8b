import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, resolve } from "node:path";
import type { Architecture } from "../arch/architecture.ts";
import { UserError } from "../support/error.ts";
import type { Scope } from "../support/scope.ts";

const NOTHING_FROM_WORKING_DIRECTORY = ["dotenv", "bunfig", "tsconfig", "package-json"].map(
  (file) => `--no-compile-autoload-${file}`,
);

/**
 * Compiles `entry` for `architecture` and musl into `outfile` with the runtime at `runtime`. The program reads no file
 * of its working directory. It contains the name of `outfile` and no other trace of where it was compiled.
 */
export async function compile(
  run: Scope,
  architecture: Architecture,
  entry: string,
  outfile: string,
  runtime: string,
): Promise<{ bytes: number }> {
  const options = ["--minify-syntax", "--minify-whitespace", "--bytecode", ...NOTHING_FROM_WORKING_DIRECTORY];
  await bunBuild(run, architecture, [entry], outfile, ["--compile-executable-path", runtime, ...options]);
  return { bytes: Bun.file(outfile).size };
}

/**
 * The environment of the build's own processes. No variable of the caller's changes what they make (BUN_OPTIONS,
 * NODE_ENV, BUN_JSC_useJIT, a .bunfig.toml in its home).
 */
export const ownEnvironment = (home = "/dev/null"): Readonly<Record<string, string>> => ({
  PATH: process.env.PATH ?? "/usr/bin:/bin",
  HOME: home,
  TMPDIR: tmpdir(),
});

/**
 * Runs `bun build --compile` for musl on the sources `entries`. `env`: another environment than the build's own.
 * @throws UserError with what Bun said when it fails.
 */
export async function bunBuild(
  run: Scope,
  { bunTarget }: Architecture,
  entries: readonly string[],
  outfile: string,
  options: readonly string[],
  env?: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  await using own = run.nested();
  mkdirSync(dirname(outfile), { recursive: true });
  // Bun first writes a file to its working directory, and leaves it there if killed.
  const cwd = own.folder(".compile-", dirname(resolve(outfile)));
  const files = [...entries.map((entry) => resolve(entry)), "--outfile", resolve(outfile)];
  const command = [process.execPath, "build", "--compile", `--target=${bunTarget}`, ...files, ...options];
  const { status, stdout, stderr } = await own.spawn(command, { cwd, env: env ?? ownEnvironment(cwd) }).ended;
  if (status !== 0)
    throw new UserError(`bun build --compile exited with ${status}: ${complaint((stderr || stdout).trim())}`);
}

/** All of Bun's output, which concerns a source; for a full disk, only that line. */
function complaint(said: string): string {
  const full = said.split("\n").find((line) => /ENOSPC|EDQUOT/.test(line));
  return full === undefined ? said : `${full}; make room for dist`;
}
