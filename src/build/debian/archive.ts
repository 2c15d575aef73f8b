import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "../../arch/architecture.ts";
import { hostArchitecture } from "../../arch/architectures.ts";
import { UserError } from "../../support/error.ts";
import type { Scope } from "../../support/scope.ts";
import { fetchPackage } from "./packages.ts";

/** Debian's package of musl's libc.a, of the same source as the one of its library. */
const PACKAGE = "musl-dev";

/**
 * musl's libc.a: as it is installed here, or for another architecture from Debian's package, which is not installed.
 * Its path.
 * @throws UserError naming the package that has it.
 */
export const archiveFor = (run: Scope, architecture: Architecture, cache: string): Promise<string> =>
  architecture === hostArchitecture()
    ? Promise.resolve(installedArchive(architecture))
    : fetchArchive(run, architecture, cache);

/** @throws UserError naming the package that has it. */
export function installedArchive({ muslArchive }: Architecture): string {
  if (existsSync(muslArchive)) return muslArchive;
  throw new UserError(`${muslArchive} is not there; on Debian: apt-get install ${PACKAGE}`);
}

/** From Debian's package: its path. @throws UserError. */
export async function fetchArchive(run: Scope, { debian, muslArchive }: Architecture, cache: string): Promise<string> {
  return join(await fetchPackage(run, PACKAGE, { architecture: debian }, cache), muslArchive);
}
