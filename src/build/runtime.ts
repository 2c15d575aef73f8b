import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "../arch/architecture.ts";
import { UserError } from "../support/error.ts";
import { sha256 } from "../support/hash.ts";
import type { Scope } from "../support/scope.ts";
import { bunBuild } from "./compile.ts";
import { PINNED_BUN, pinnedRuntime } from "./pin/pin.ts";

/**
 * Returns the path of the pinned runtime for `architecture` below `cache`; Bun downloads it the first time.
 * @throws UserError when this is another Bun, the download fails, or the file is not the pinned one (it is then
 * removed).
 */
export async function fetchRuntime(
  run: Scope,
  architecture: Architecture,
  cache: string,
): Promise<{ path: string; bytes: number; detail: string }> {
  const [version, pinned] = [PINNED_BUN, pinnedRuntime(architecture).sha256];
  if (Bun.version !== version)
    throw new UserError(
      `this is Bun ${Bun.version}, but the build requires Bun ${version}; run: npx -y bun@${version} run build`,
    );
  const path = await downloadRuntime(run, architecture, cache);
  const found = sha256(readFileSync(path));
  if (found !== pinned) {
    rmSync(path);
    throw new UserError(
      `${path}: SHA-256 is ${found}, but ${pinned} is pinned; the file was removed. ` +
        "Build again; if this repeats, do not trust the download",
    );
  }
  return { path, bytes: Bun.file(path).size, detail: `Bun ${version}, SHA-256 as pinned` };
}

/**
 * Returns the path of this Bun's own runtime for `architecture` below `cache`, whatever its hash. Bun fetches another
 * platform's runtime when it compiles for it; the compiled program is thrown away.
 * @throws UserError when there is none afterwards.
 */
export async function downloadRuntime(run: Scope, architecture: Architecture, cache: string): Promise<string> {
  const name = `${architecture.bunPackage}-v${Bun.version}`;
  const path = join(cache, name);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  await using own = run.nested();
  const folder = own.folder(".download-", cache);
  // The caller's environment says how to reach the network.
  const env = { ...process.env, BUN_INSTALL_CACHE_DIR: folder };
  await bunBuild(own, architecture, [import.meta.path], join(folder, "scrap"), [], env);
  if (!existsSync(join(folder, name)))
    throw new UserError(`Bun did not write its runtime as ${name} into the given folder; try again`);
  renameSync(join(folder, name), path);
  return path;
}
