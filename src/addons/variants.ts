import { basename, join, relative, sep } from "node:path";
import { loads, readNative } from "./native.ts";
import { addonFiles, dependencyOf, type Package, packageOf } from "./package.ts";
import { accepts, type Target } from "./target.ts";

/** A package with an addon for one platform, and the names by which others ask for it, each with its file. */
export type Variant = { readonly of: Package; readonly specifiers: ReadonlyMap<string, string> };

/** Looks once for what is asked for often. */
function once<T>(find: (of: Package, target: Target) => T): (of: Package, target: Target) => T {
  const all = new WeakMap<Target, Map<Package, T>>();
  return (of, target) => {
    const found = all.get(target) ?? new Map<Package, T>();
    all.set(target, found);
    const value = found.get(of) ?? find(of, target);
    found.set(of, value);
    return value;
  };
}

/** The installed packages with addons for the target, among those that `of` depends on where the platform allows it. */
export const variantsOf = once((of, target): readonly Variant[] =>
  platformPackages(of)
    .filter((one) => accepts(one, target))
    .filter((one) => addonFiles(one).some((path) => loads(readNative(path), target)))
    .map((one) => ({ of: one, specifiers: specifiersOf(one) })),
);

/** The variants that `of` would have for the target and that are not installed, as far as their names tell. */
export function missingVariants(of: Package, target: Target): readonly string[] {
  return of.optional.filter(
    (name) => dependencyOf(of, name) === undefined && name.includes(target.cpu) && /linux.*musl|musl.*linux/.test(name),
  );
}

/** Is `specifier` in the file `importer` a package that is installed on some platforms alone? */
export function isVariant(specifier: string, importer: string): boolean {
  const of = packageOf(importer);
  return of?.optional.some((name) => specifier === name || specifier.startsWith(`${name}/`)) === true;
}

/** Is it for another platform than the target, by what its package.json says? */
export const isForeign = (one: Package, target: Target): boolean => !accepts(one, target);

/** The addons of a package's own that musl's loader can load, the likeliest first. */
export const ownAddons = once((of, target): readonly string[] => {
  const loadable = addonFiles(of).filter((path) => loads(readNative(path), target));
  return byLikelihood(
    loadable.filter((path) => !named(of, path, ["glibc", "gnu", "electron", "android"])),
    (path) => relative(of.folder, path),
  );
});

/** The one addon that a helper such as node-gyp-build would find for `of`; undefined where nothing loads. */
export function addonOf(of: Package, target: Target): string | undefined {
  const own = ownAddons(of, target);
  const others = variantsOf(of, target).flatMap((variant) => ownAddons(variant.of, target));
  return byLikelihood([...own, ...others], (path) => path)[0];
}

function platformPackages(of: Package): readonly Package[] {
  return of.optional
    .map((name) => dependencyOf(of, name))
    .filter((one): one is Package => one !== undefined && one.folder !== of.folder);
}

/** A file for musl by name first; then one that was compiled here; then one of Node-API. */
function byLikelihood(paths: readonly string[], nameOf: (path: string) => string): string[] {
  const rank = (path: string): number => {
    const name = nameOf(path);
    if (/musl/.test(name)) return 0;
    if (name.includes(`build${sep}Release`)) return 1;
    return readNative(path)?.napi === true ? 2 : 3;
  };
  const napiLast = (path: string): number => (readNative(path)?.napi === true ? 0 : 1);
  return paths.toSorted((one, other) => rank(one) - rank(other) || napiLast(one) - napiLast(other));
}

const named = (of: Package, path: string, words: readonly string[]): boolean => {
  const parts = relative(of.folder, path).split(/[/\\._-]/);
  return words.some((word) => parts.includes(word));
};

/** What `require` can be given for a file of the package, and the file. */
function specifiersOf(one: Package): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const add = (specifier: string, resolved: string | undefined): void => {
    if (resolved !== undefined) found.set(specifier, resolved);
  };
  add(one.name, resolved(one, one.name));
  for (const key of one.subpaths) add(join(one.name, key), resolved(one, join(one.name, key)));
  if (one.subpaths.length === 0) {
    for (const path of addonFiles(one)) add(join(one.name, relative(one.folder, path)), path);
  }
  add(join(one.name, "package.json"), join(one.folder, "package.json"));
  return found;
}

/** Where the package's own name leads, as a module that depends on it would see it. */
function resolved(one: Package, specifier: string): string | undefined {
  try {
    const path = Bun.resolveSync(specifier, join(one.folder, ".."));
    return path.startsWith(one.folder) || basename(path) !== path ? path : undefined;
  } catch {
    return undefined;
  }
}
