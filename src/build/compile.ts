import type { Architecture } from "../arch/architecture.ts";
import { UserError } from "../support/error.ts";

/** Compiles `entry` for `architecture` and musl into `outfile` with the runtime at `runtime`; the program reads no file of its working directory. */
export async function compile(
  architecture: Architecture,
  entry: string,
  outfile: string,
  runtime: string,
): Promise<{ bytes: number }> {
  const nothingFromWorkingDirectory = ["dotenv", "bunfig", "tsconfig", "package-json"].map(
    (file) => `--no-compile-autoload-${file}`,
  );
  await bunBuild(architecture, [
    entry,
    ...["--outfile", outfile, "--compile-executable-path", runtime],
    ...["--minify-syntax", "--minify-whitespace", "--bytecode", ...nothingFromWorkingDirectory],
  ]);
  return { bytes: Bun.file(outfile).size };
}

/** Runs `bun build --compile` for musl. @throws UserError with what Bun said when it fails. */
export async function bunBuild(
  { bunTarget }: Architecture,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const command = [process.execPath, "build", "--compile", `--target=${bunTarget}`, ...args];
  const child = Bun.spawn(command, { env: { ...process.env, ...env }, stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new UserError(`bun build --compile ended with ${code}: ${complaint((err || out).trim())}`);
}

/** All that Bun said, which is about a source; but of a full disk the one line. */
function complaint(said: string): string {
  const full = said.split("\n").find((line) => /ENOSPC|EDQUOT/.test(line));
  return full === undefined ? said : `${full}; make room for dist`;
}
