import { join } from "node:path";
import { UserError } from "../../support/error.ts";
import type { Scope } from "../../support/scope.ts";
import type { Release } from "./apt.ts";
import { fetchPackage, packageField } from "./packages.ts";

/** A kernel from a package: the path of its image, and its release as uname(2) reports it. */
export type Kernel = { readonly path: string; readonly release: string };

/**
 * Fetches the newest kernel of `release` that the metapackage `name` (such as linux-image-cloud-amd64) depends on.
 * @throws UserError as fetchPackage does, or when the last package has no image.
 */
export async function fetchKernel(run: Scope, name: string, release: Release, cache: string): Promise<Kernel> {
  const depends = await packageField(run, name, "Depends", release, cache);
  const next = /\b(linux-(?:image|binary)-[^\s,]+)/.exec(depends)?.[1];
  if (next !== undefined) return fetchKernel(run, next, release, cache);
  const folder = await fetchPackage(run, name, release, cache);
  // Debian 14 moved it from /boot to the folder of its modules.
  const [image] = ["boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz"].flatMap((place) => [
    ...new Bun.Glob(place).scanSync(folder),
  ]);
  if (image === undefined) throw new UserError(`${name} has no kernel in ${folder}; name another kernel package`);
  return { path: join(folder, image), release: image.replace(/^boot\/vmlinuz-|^usr\/lib\/modules\/|\/vmlinuz$/g, "") };
}
