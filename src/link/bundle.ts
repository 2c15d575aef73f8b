import { copyFileSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Subprocess } from "bun";
import { HOST } from "../arch/architectures.ts";
import { LinkError } from "./error.ts";
import { Interrupted, watchSignals } from "./signals.ts";

/** What bun build prints of its options. */
export function bundlerHelp(): string {
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "build", "--help"], {
    env: { ...process.env, NO_COLOR: "1" },
  });
  return `${stdout}${stderr}`;
}

/**
 * Compiles `entries` with the Bun that runs this into an executable for musl, and hands its path to `use`; afterwards it is
 * gone. What else the bundler wrote (source maps) goes to the folder of `outfile`.
 * @throws LinkError when the bundler fails, which has said why on stderr; Interrupted.
 */
export async function compiled<T>(
  entries: readonly string[],
  outfile: string,
  target: string | undefined,
  options: readonly string[],
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "bun-static-"));
  let child: Subprocess | undefined;
  const signals = watchSignals(() => child?.kill());
  try {
    const path = join(folder, basename(outfile));
    const command = [
      process.execPath,
      "build",
      "--compile",
      ...entries,
      ...options,
      `--target=${target ?? hostTarget()}`,
      "--outfile",
      path,
    ];
    child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
    const code = await child.exited;
    const signal = signals.came();
    if (signal !== undefined) throw new Interrupted(signal);
    if (code !== 0) throw new LinkError(`bun build --compile ended with ${code}; what it found stands above`);
    const result = await use(path);
    for (const name of readdirSync(folder))
      if (name !== basename(outfile)) move(join(folder, name), join(dirname(outfile), name));
    return result;
  } finally {
    signals.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Folders may be on different file systems. */
function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

function hostTarget(): string {
  if (HOST === undefined)
    throw new LinkError(`this machine is ${process.arch}, for which nothing can be linked; choose with --target`);
  return HOST.bunTarget;
}
