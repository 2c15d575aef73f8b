import { basename, dirname, join, relative, sep } from "node:path";
import { loads, readNative } from "./native.ts";
import { addonFiles, dependencyOf, type Package, packageAt, packageOf } from "./package.ts";
import { accepts, type Target } from "./target.ts";

/** A package with an addon for one platform, and the specifiers by which others import it, each with its file. */
export type Variant = { readonly of: Package; readonly specifiers: ReadonlyMap<string, string> };

/** Remembers the results, because the same questions come often. */
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

/** The installed packages with addons for the target, among the platform-dependent dependencies of `of`. */
export const variantsOf = once((of, target): readonly Variant[] =>
  platformPackages(of)
    .filter((one) => accepts(one, target))
    .filter((one) => addonFiles(one).some((path) => loads(readNative(path), target)))
    .map((one) => ({ of: one, specifiers: specifiersOf(one) })),
);

/** The dependencies of `of` that have addons for the target, by themselves or in variants, and are for any platform. */
export const nativeDependencies = once((of, target): readonly Variant[] =>
  of.dependencies
    .map((name) => dependencyOf(of, name))
    .filter((one): one is Package => one !== undefined && one.folder !== of.folder && one.os.length === 0)
    .filter((one) => variantsOf(one, target).length > 0 || ownAddons(one, target).length > 0)
    .map((one) => ({ of: one, specifiers: specifiersOf(one) })),
);

/** The installed packages for the target alone, by os and cpu, without an addon, among the dependencies of `of`. */
export const platformFiles = once((of, target): readonly Package[] =>
  platformPackages(of)
    .filter((one) => one.os.length > 0 && one.cpu.length > 0 && accepts(one, target))
    // What the program can import is in it, if it does.
    .filter((one) => addonFiles(one).length === 0 && resolved(one, one.name) === undefined),
);

/** The variants for the target that `of` lists but that are not installed, as far as their names tell. */
export function missingVariants(of: Package, target: Target): readonly string[] {
  return of.optional.filter(
    (name) => dependencyOf(of, name) === undefined && name.includes(target.cpu) && /linux.*musl|musl.*linux/.test(name),
  );
}

/** In the file `importer`, is `specifier` a package that is installed only on some platforms? */
export function isVariant(specifier: string, importer: string): boolean {
  const of = packageOf(importer);
  return of?.optional.some((name) => specifier === name || specifier.startsWith(`${name}/`)) === true;
}

/** Does its package.json limit it to platforms other than the target? */
export const isForeign = (one: Package, target: Target): boolean => !accepts(one, target);

/** Is one of the variants of `of` for the target's system and processor, and for another C library? */
export const hasForeignVariant = (of: Package, target: Target): boolean =>
  platformPackages(of).some(
    (one) => one.os.includes(target.os) && one.cpu.includes(target.cpu) && addonFiles(one).length > 0,
  ) && variantsOf(of, target).length === 0;

/** Is the variant for musl installed beside this one for glibc? The package.json of older ones does not say which. */
export const hasMuslTwin = ({ folder }: Package): boolean =>
  /[-_.](gnu|glibc)$/.test(folder) && packageAt(folder.replace(/(gnu|glibc)$/, "musl")) !== undefined;

/** The package's own addons that musl's loader can load, likeliest first. */
export const ownAddons = once((of, target): readonly string[] => {
  const loadable = addonFiles(of).filter((path) => loads(readNative(path), target));
  return byLikelihood(
    loadable.filter((path) => !named(of, path, ["glibc", "gnu", "electron", "android"])),
    (path) => relative(of.folder, path),
  );
});

/** The addon that a helper such as node-gyp-build would find for `of`; undefined if none loads. */
export function addonOf(of: Package, target: Target): string | undefined {
  const own = ownAddons(of, target);
  const others = variantsOf(of, target).flatMap((variant) => ownAddons(variant.of, target));
  return byLikelihood([...own, ...others], (path) => path)[0];
}

/**
 * The addons among which `of` may choose by a name: that of the file, or of its folder up to the platform
 * (prebuilds/NAME-linux-x64/file.node). The likeliest has the name.
 */
export function addonsByName(of: Package, target: Target): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const path of ownAddons(of, target))
    for (const name of [basename(path, ".node"), basename(dirname(path)).replace(/-linux-.*$/, "")])
      if (!found.has(name)) found.set(name, path);
  return found;
}

function platformPackages(of: Package): readonly Package[] {
  return of.optional
    .map((name) => dependencyOf(of, name))
    .filter((one): one is Package => one !== undefined && one.folder !== of.folder);
}

/** Prefers a file that names musl, then one compiled here, then one of Node-API. */
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

/** The specifiers that `require` takes for the package's files, each with its file. */
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

/** The file that a specifier of the package resolves to, for a module that depends on it. */
function resolved(one: Package, specifier: string): string | undefined {
  try {
    const path = Bun.resolveSync(specifier, join(one.folder, ".."));
    return path.startsWith(one.folder) || basename(path) !== path ? path : undefined;
  } catch {
    return undefined;
  }
}
