import { existsSync, readFileSync } from "node:fs";
import type { Architecture } from "../arch/architecture.ts";
import { UserError } from "../support/error.ts";
import type { Finding } from "./api.ts";
import { buildConfig, type Option } from "./options.ts";
import { addonsPlugin } from "./plugin.ts";

export type Compiled = {
  readonly findings: readonly Finding[];
  /** What --metafile writes. */
  readonly metafile: object;
};

/**
 * Compiles `entries` into the executable `outfile` like `bun build --compile` with these options, plus the plugin that
 * makes native addons load.
 * @throws UserError when the bundler fails; by then its errors are on stderr.
 */
export async function compileWithAddons(
  entries: readonly string[],
  options: readonly Option[],
  architecture: Architecture,
  target: string,
  outfile: string,
): Promise<Compiled> {
  const plugin = addonsPlugin(architecture);
  const config = buildConfig(entries, options, target, outfile, readBunfig());
  const { success, logs, metafile } = await Bun.build({ ...config, metafile: true, plugins: [plugin], throw: false });
  if (!success) {
    for (const log of logs) console.error(`${log}`);
    throw new UserError("the bundler failed after the addons' loaders were answered; see its output above");
  }
  return { findings: plugin.findings(), metafile: metafile ?? {} };
}

/** Reads the folder's bunfig.toml, which bun build applies and Bun.build does not. */
function readBunfig(): object {
  if (!existsSync("bunfig.toml")) return {};
  try {
    return Bun.TOML.parse(readFileSync("bunfig.toml", "utf8"));
  } catch (error) {
    throw new UserError(`bunfig.toml: cannot be read (${error instanceof Error ? error.message : error}); correct it`);
  }
}
