import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "./arch/architecture.ts";
import { bunBuild } from "./compile.ts";
import { PINNED_BUN, pinnedRuntime } from "./pin/pin.ts";
import { BuildError } from "./stage.ts";

export const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/**
 * The path of the pinned runtime for `architecture` below `cache`; Bun downloads it there the first time.
 * @throws BuildError when this is another Bun, the download fails, or the file is not the pinned one (it is then removed).
 */
export async function fetchRuntime(architecture: Architecture, cache: string): Promise<{ path: string; bytes: number; detail: string }> {
  const [version, target, pinned] = [PINNED_BUN, architecture.bunPackage, pinnedRuntime(architecture).sha256];
  if (Bun.version !== version) throw new BuildError(`this is Bun ${Bun.version}, the build is made for ${version}; run it with: npx -y bun@${version} run build`);
  const path = join(cache, `${target}-v${version}`);
  if (!existsSync(path)) await download(architecture, cache);
  if (!existsSync(path)) throw new BuildError(`Bun did not leave its ${target} runtime at ${path}; remove ${cache} and build again`);
  const found = sha256(readFileSync(path));
  if (found !== pinned) {
    rmSync(path);
    throw new BuildError(`${path}: SHA-256 is ${found}, pinned is ${pinned}; it was removed. Build again; if it stays so, do not trust the download`);
  }
  return { path, bytes: Bun.file(path).size, detail: `Bun ${version}, SHA-256 as pinned` };
}

/** Bun fetches the runtime of another platform when it compiles for it; what it compiles here is thrown away. */
async function download(architecture: Architecture, cache: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const scrap = join(cache, "download");
  await bunBuild(architecture, [join(import.meta.dir, "stage.ts"), "--outfile", scrap], { BUN_INSTALL_CACHE_DIR: cache });
  rmSync(scrap, { force: true });
}
