import { join } from "node:path";
import { UserError } from "../../support/error.ts";
import type { Scope } from "../../support/scope.ts";
import type { Release } from "./apt.ts";
import { fetchPackage, packageField } from "./packages.ts";

/** A kernel as a package has it: its image, and its release as uname(2) tells it. */
export type Kernel = { readonly path: string; readonly release: string };

/**
 * The newest kernel of `release` that the metapackage `name` (linux-image-cloud-amd64, say) leads to.
 * @throws UserError as fetchPackage does, or when no image is found at its end.
 */
export async function fetchKernel(run: Scope, name: string, release: Release, cache: string): Promise<Kernel> {
  const depends = await packageField(run, name, "Depends", release, cache);
  const next = /\b(linux-(?:image|binary)-[^\s,]+)/.exec(depends)?.[1];
  if (next !== undefined) return fetchKernel(run, next, release, cache);
  const folder = await fetchPackage(run, name, release, cache);
  // Before Debian 14 in /boot, from then on where its modules are.
  const [image] = ["boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz"].flatMap((place) => [
    ...new Bun.Glob(place).scanSync(folder),
  ]);
  if (image === undefined) throw new UserError(`${name} has no kernel in ${folder}; name another package of kernels`);
  return { path: join(folder, image), release: image.replace(/^boot\/vmlinuz-|^usr\/lib\/modules\/|\/vmlinuz$/g, "") };
}
