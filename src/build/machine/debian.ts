import { join } from "node:path";
import type { Architecture } from "../../arch/architecture.ts";
import { UserError } from "../../support/error.ts";
import { DIST } from "../../support/project.ts";
import type { Scope } from "../../support/scope.ts";
import { fetchKernel, type Kernel } from "../debian/kernel.ts";
import { fetchPackage } from "../debian/packages.ts";

/** The folder for packages of other systems. */
export const DEBIAN_CACHE = join(DIST, "debian");

/**
 * A kernel of Debian's for emulated machines: of the suite that the system uses, unless another is named.
 * @throws UserError.
 */
export async function debianKernel(
  run: Scope,
  { debian, emulator }: Architecture,
  { suite, name = emulator.kernelPackage }: { suite?: string; name?: string } = {},
): Promise<Kernel> {
  return fetchKernel(run, name, { architecture: debian, suite }, DEBIAN_CACHE);
}

/** Fetches a static busybox for a machine of this architecture. @throws UserError. */
export async function fetchBusybox(run: Scope, { debian }: Architecture): Promise<string> {
  const folder = await fetchPackage(run, "busybox-static", { architecture: debian }, DEBIAN_CACHE);
  // Debian 13 has moved /bin into /usr.
  const [path] = ["bin/busybox", "usr/bin/busybox"].flatMap((place) => [...new Bun.Glob(place).scanSync(folder)]);
  if (path === undefined)
    throw new UserError(`busybox-static has no busybox in ${folder}; remove that folder and try again`);
  return join(folder, path);
}
