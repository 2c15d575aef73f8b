import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { hostArchitecture } from "../../src/arch/architectures.ts";
import { fetchPackage } from "../../src/build/debian/packages.ts";
import type { Scope } from "../../src/support/scope.ts";

/** A node's packages, and the libraries they are linked with, in case the host's are older. */
const PACKAGES = ["containerd", "runc", "containernetworking-plugins", "libc6", "libseccomp2"];

/**
 * The folders of a release's Debian packages, unpacked. Their `usr` can lie over that of an older root.
 * @throws UserError like fetchPackage.
 */
export async function debianLayers(run: Scope, suite: string): Promise<readonly string[]> {
  const cache = join(TEST_DIST, "debian-packages");
  const folders: string[] = [];
  for (const name of PACKAGES)
    folders.push(await fetchPackage(run, name, { architecture: hostArchitecture().debian, suite }, cache));
  return folders;
}
