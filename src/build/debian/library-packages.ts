import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "../../arch/architecture.ts";
import { LIBRARY_PACKAGES, libraryDirs } from "../../link/libraries.ts";
import type { Scope } from "../../support/scope.ts";
import { fetchPackage } from "./packages.ts";

/**
 * Fetches Debian's packages of musl and the C++ libraries for `architecture` from `suite`. Returns the folders that
 * hold the libraries, for the linker.
 * @throws UserError as fetchPackage does.
 */
export async function fetchLibraries(
  run: Scope,
  architecture: Architecture,
  cache: string,
  suite?: string,
): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const name of LIBRARY_PACKAGES)
    folders.push(await fetchPackage(run, name, { architecture: architecture.debian, suite }, cache));
  return folders
    .flatMap((folder) => libraryDirs(architecture).map((dir) => join(folder, dir)))
    .filter((dir) => existsSync(dir));
}
