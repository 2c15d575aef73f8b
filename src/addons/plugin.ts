import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { Loader as BundlerLoader } from "bun";
import type { Architecture } from "../arch/architecture.ts";
import type { AddonsPlugin, Finding } from "./api.ts";
import { HELPER_NAMES, HELPERS } from "./helpers.ts";
import {
  DETECT_LIBC,
  LIBC,
  LIBC_TEXT,
  loaderText,
  missingText,
  PREFIX,
  PROCESS,
  PROCESS_TEXT,
  SIGN,
  SIGN_TEXT,
  unpackedText,
} from "./modules.ts";
import { needsGlibc, ownLibraries, readNative } from "./native.ts";
import { addonFiles, type Package, packageOf } from "./package.ts";
import { loadsByName, madeRequires, rewritten } from "./rewrite.ts";
import { type Target, targetOf } from "./target.ts";
import {
  addonOf,
  addonsByName,
  hasForeignVariant,
  hasMuslTwin,
  isForeign,
  missingVariants,
  nativeDependencies,
  ownAddons,
  platformFiles,
  variantsOf,
} from "./variants.ts";

/** Files that may be a loader. */
const SOURCE = /\.[cm]?[jt]sx?$/;
const ADDON = /\.node$/;
const NAMESPACE = "bun-static";
const EVERYTHING = /.*/;

/**
 * A plugin of Bun's bundler that makes native addons load from a program linked with musl: it answers their loaders'
 * questions (src/addons/rewrite.ts), finds the variant that a loader would look for on disk, and includes the libraries
 * beside an addon.
 */
export function addonsPlugin(architecture: Architecture): AddonsPlugin {
  const target = targetOf(architecture);
  const findings = new Map<string, Finding>();
  const note = ({ name, version }: Package, problem: string | undefined): void => {
    if (findings.get(name)?.problem === undefined) findings.set(name, { name, version, problem });
  };
  return {
    name: "bun-static addons",
    findings: () => [...findings.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    setup(build) {
      build.onResolve({ filter: /^bun-static:/ }, ({ path }) => ({ path, namespace: NAMESPACE }));
      build.onResolve({ filter: HELPER_NAMES }, ({ path, importer }) => {
        const of = packageOf(importer);
        // The helper's own files import it too.
        if (of === undefined || HELPER_NAMES.test(of.name) || !inModules(importer)) return undefined;
        return { path: `${PREFIX}helper/${path.replace(/\.js$/, "")}:${importer}`, namespace: NAMESPACE };
      });
      build.onResolve({ filter: ADDON }, ({ path, importer }) =>
        isAbsent(path, importer) ? { path: `${PREFIX}absent/${path}:${importer}`, namespace: NAMESPACE } : undefined,
      );
      build.onLoad({ filter: EVERYTHING, namespace: NAMESPACE }, ({ path }) => virtual(path, target, note));
      build.onLoad({ filter: ADDON }, ({ path }) => {
        const contents = addonText(path, target, note);
        return contents === undefined ? undefined : { contents, loader: "js" };
      });
      build.onLoad({ filter: SOURCE }, ({ path, loader }) => {
        const contents = sourceText(path, target, note);
        return contents === undefined ? undefined : { contents, loader };
      });
    },
  };
}

/** Does any file of a bundle need the plugin, or a remark from it? */
export function needsPlugin(paths: readonly string[], architecture: Architecture): boolean {
  const target = targetOf(architecture);
  return paths.some((path) => {
    let problems = 0;
    const note: Note = (_of, problem) => {
      problems += problem === undefined ? 0 : 1;
    };
    if (ADDON.test(path)) return addonText(path, target, note) !== undefined;
    if (!SOURCE.test(path)) return false;
    const of = packageOf(path);
    if (of !== undefined && HELPER_NAMES.test(of.name)) return true;
    return sourceText(path, target, note) !== undefined || problems > 0;
  });
}

/** How a remark about a package without an addon begins; its name stands before. */
const NOT_FOUND = "will not find its addon: ";

type Note = (of: Package, problem: string | undefined) => void;
type Loaded = { readonly contents: string | Uint8Array; readonly loader: BundlerLoader };

/** The modules that are not files of the program. */
function virtual(specifier: string, target: Target, note: Note): Loaded {
  const js = (contents: string): Loaded => ({ contents, loader: "js" });
  if (specifier === LIBC) return js(LIBC_TEXT);
  if (specifier === PROCESS) return js(PROCESS_TEXT);
  if (specifier === SIGN) return { contents: SIGN_TEXT, loader: "file" };
  const [kind = "", path = ""] = /^bun-static:([a-z]+)(.*)$/s.exec(specifier)?.slice(1) ?? [];
  if (kind === "file") return { contents: readFileSync(path), loader: "file" };
  if (kind === "loader") return js(answersOf(path, target));
  const [asked = "", importer = ""] = /^\/([^:]*):(.*)$/s.exec(path)?.slice(1) ?? [];
  if (kind === "absent") return js(absentText(asked, importer, target, note));
  return js(helperText(asked, importer, target, note));
}

/** Is `file` one of a helper's own? A program with the plugin has none of them. */
export const isHelper = (file: string): boolean => HELPER_NAMES.test(packageOf(file)?.name ?? "");

/** In the file `importer` of a package, is `specifier` an addon that is not there? It was never compiled, say. */
export const isAbsent = (specifier: string, importer: string): boolean =>
  inModules(importer) && /^\.{1,2}\/.*\.node$/.test(specifier) && !existsSync(resolve(dirname(importer), specifier));

function absentText(specifier: string, importer: string, target: Target, note: Note): string {
  const of = packageOf(importer);
  const others = of !== undefined && (variantsOf(of, target).length > 0 || ownAddons(of, target).length > 0);
  if (of !== undefined && !others) note(of, absent(of, specifier, target));
  return missingText(`Cannot find module '${specifier}' from '${of?.name ?? basename(importer)}'`);
}

const absent = (of: Package, specifier: string, target: Target): string =>
  `${NOT_FOUND}${specifier} does not exist, because its install script makes it; ${remedy(of, target)}`;

/** What a loader finds, by name and by path. */
function answersOf(path: string, target: Target): string {
  const of = packageOf(path);
  const variants = of === undefined ? [] : [...variantsOf(of, target), ...nativeDependencies(of, target)];
  const byName = new Map(variants.flatMap(({ specifiers }) => [...specifiers]));
  const files = of === undefined ? [] : ownFiles(of, path, target);
  return loaderText(path, of?.name ?? basename(path), byName, files);
}

/** The addons inside a package: only those whose names say musl, if any do. An application names its own. */
function ownFiles(of: Package, path: string, target: Target): readonly string[] {
  if (!inModules(path)) return [];
  const files = ownAddons(of, target);
  const named = files.filter((file) => file.slice(of.folder.length).includes("musl"));
  return named.length > 0 ? named : files;
}

function helperText(helper: string, importer: string, target: Target, note: Note): string {
  const of = packageOf(importer);
  const make = HELPERS[helper];
  if (of === undefined || make === undefined) return missingText(`${helper}: its caller is not known`);
  const loading = (path: string) => `require(${JSON.stringify(path)})`;
  const addon = addonOf(of, target);
  if (addon !== undefined) {
    note(of, undefined);
    const named = [...addonsByName(of, target)].map(([name, path]) => [name, loading(path)] as const);
    return make({ path: addon, load: loading(addon), named });
  }
  const reason = `${of.name} has no addon for musl on ${target.cpu}`;
  note(of, hasNone(of, target));
  return make({ path: "", load: `(() => { ${missingText(reason)} })()`, named: [] });
}

/** A module that replaces an addon that cannot be loaded unchanged; undefined if it can. */
function addonText(path: string, target: Target, note: Note): string | undefined {
  const native = readNative(path);
  const of = packageOf(path);
  if (native === undefined) return undefined;
  if (of !== undefined && isForeign(of, target) && (native.machine !== target.machine || needsGlibc(native)))
    return missingText(`${of.name} is for another platform, and was left out`);
  // A package with a file for each C library has a loader that asks for both.
  if (of !== undefined && inModules(path) && needsGlibc(native) && ownAddons(of, target).length > 0)
    return missingText(`this file of ${of.name} is for glibc, and was left out`);
  if (of !== undefined && needsGlibc(native) && hasMuslTwin(of))
    return missingText(`${of.name} is for glibc, and was left out`);
  const libraries = ownLibraries(path);
  if (libraries.length === 0) return undefined;
  if (of !== undefined) note(of, undefined);
  return unpackedText(path, libraries);
}

/** A loader with its questions answered; undefined if it asks none. */
function sourceText(path: string, target: Target, note: Note): string | undefined {
  const text = readFileSync(path, "utf8");
  const of = packageOf(path);
  if (of?.name === "detect-libc" && inModules(path)) {
    if (!/^detect-libc\.[cm]?js$/.test(basename(path))) return undefined;
    note(of, undefined);
    return `${text}${DETECT_LIBC}`;
  }
  // An application's own questions are its own business, unless the file loads an addon.
  if (!inModules(path) && !/NAPI-RS|\.node\b/.test(text)) return undefined;
  if (of !== undefined && HELPER_NAMES.test(of.name)) return undefined;
  const variants = of === undefined ? [] : variantsOf(of, target);
  const bound = of === undefined || madeRequires(text).length === 0 ? [] : nativeDependencies(of, target);
  const names = [...variants, ...bound].map((variant) => variant.of.name);
  const files = of !== undefined && ownFiles(of, path, target).length > 0;
  const contents = rewritten(text, {
    ...{ answers: `${PREFIX}loader${path}`, names, files },
    follows: (specifier) => resolves(specifier, dirname(path)),
  });
  if (of === undefined) return contents;
  const without =
    names.length > 0 || files ? undefined : (withoutAddon(of, path, text, target) ?? filesOutside(of, target));
  if (contents !== undefined || without !== undefined) note(of, without);
  return contents;
}

/**
 * Reports a package with a platform package that has other files than addons: an executable to start, a library to
 * open. Nothing in the program says which.
 */
function filesOutside(of: Package, target: Target): string | undefined {
  const outside = platformFiles(of, target).map(({ name }) => name);
  if (outside.length === 0) return undefined;
  return `starts or opens files of ${outside.join(", ")}, which are not in the program: install them where it runs`;
}

/** Reports a package that looks for an addon and has none for the target. */
function withoutAddon(of: Package, path: string, text: string, target: Target): string | undefined {
  const literal = [...text.matchAll(LITERAL_ADDON)].map(([, specifier = ""]) => specifier);
  const [first] = literal;
  if (first === undefined && !loadsByName(text)) return undefined;
  const [missing] = missingVariants(of, target);
  if (missing !== undefined) return `${NOT_FOUND}${missing} is not installed; ${remedy(of, target)}`;
  if (first !== undefined && literal.every((specifier) => isAbsent(specifier, path)))
    return PLATFORM.test(first) ? hasNone(of, target) : absent(of, first, target);
  if (!inModules(of.folder) || !text.includes(".node")) return undefined;
  if (hasForeignVariant(of, target)) return hasNone(of, target);
  const computed = COMPUTED_ADDON.exec(text)?.[1];
  if (computed !== undefined && addonFiles(of).length === 0) return absent(of, computed, target);
  if (addonFiles(of).length === 0) return undefined;
  return hasNone(of, target);
}

const hasNone = (of: Package, target: Target): string =>
  `${NOT_FOUND}it has none for musl on ${target.cpu}; ${remedy(of, target)}`;

/** A require of an addon by its path, and one whose path is a template. */
const LITERAL_ADDON = /\brequire\(\s*["'`](\.{1,2}\/[^"'`$\n]*\.node)["'`]\s*\)/g;
const COMPUTED_ADDON = /\brequire\(\s*`(\.{1,2}\/[^`\n]*\.node)`\s*\)/;

/** Names with which a package lists its variants for each platform. */
const PLATFORM = /linux|musl|darwin|win32|android/;

/** The remedy, on one line. */
function remedy(of: Package, target: Target): string {
  if (of.optional.some((name) => PLATFORM.test(name)))
    return (
      `install for musl: bun install --os=${target.os} --cpu=${target.cpu} --libc=${target.libc} ` +
      "(npm install takes the same options)"
    );
  return `compile it with a compiler for musl (on Alpine), or leave it out: --external ${of.name}`;
}

function resolves(specifier: string, folder: string): boolean {
  try {
    Bun.resolveSync(specifier, folder);
    return true;
  } catch {
    return false;
  }
}

const inModules = (path: string): boolean => path.includes("/node_modules/");
