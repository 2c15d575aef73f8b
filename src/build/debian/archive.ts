import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "../../arch/architecture.ts";
import { hostArchitecture } from "../../arch/architectures.ts";
import { UserError } from "../../support/error.ts";
import type { Scope } from "../../support/scope.ts";
import { fetchPackage } from "./packages.ts";

/** Debian's package of musl's libc.a. It has the same source as the package of musl's shared library. */
const PACKAGE = "musl-dev";

/**
 * Returns the path of musl's libc.a: the installed one, or for another architecture the one from Debian's package,
 * which stays uninstalled.
 * @throws UserError naming the package that has it.
 */
export const archiveFor = (run: Scope, architecture: Architecture, cache: string): Promise<string> =>
  architecture === hostArchitecture()
    ? Promise.resolve(installedArchive(architecture))
    : fetchArchive(run, architecture, cache);

/** @throws UserError naming the package that has it. */
export function installedArchive({ muslArchive }: Architecture): string {
  if (existsSync(muslArchive)) return muslArchive;
  throw new UserError(`${muslArchive} not found; on Debian: apt-get install ${PACKAGE}`);
}

/** Fetches it from Debian's package and returns its path. @throws UserError. */
export async function fetchArchive(run: Scope, { debian, muslArchive }: Architecture, cache: string): Promise<string> {
  return join(await fetchPackage(run, PACKAGE, { architecture: debian }, cache), muslArchive);
}
