import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Constraints } from "./target.ts";

/** A package on disk. Members of its package.json whose type differs from npm's documentation count as absent. */
export type Package = Constraints & {
  /** The absolute path of its folder. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  readonly main: string | undefined;
  /** The keys of "exports", such as "./addon.node"; empty without such a map. */
  readonly subpaths: readonly string[];
  /** The names in "dependencies" and "optionalDependencies". The latter include variants for each platform. */
  readonly dependencies: readonly string[];
  readonly optional: readonly string[];
};

const known = new Map<string, Package | undefined>();

/** The package that contains the file `path`: the nearest folder above it whose package.json has a name. */
export function packageOf(path: string): Package | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const found = packageAt(folder);
    if (found !== undefined) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

/** The package in `folder`; undefined if there is none or it has no name. */
export function packageAt(folder: string): Package | undefined {
  if (!known.has(folder)) known.set(folder, read(folder));
  return known.get(folder);
}

/** The package that `from` gets for `name`: the one in the nearest node_modules folder at or above it. */
export function dependencyOf(from: Package, name: string): Package | undefined {
  for (let folder = from.folder; ; folder = dirname(folder)) {
    const found = packageAt(join(folder, "node_modules", name));
    if (found !== undefined) return found;
    if (folder === dirname(folder)) return undefined;
  }
}

/** How deep, and how many files, to search a package for addons. */
const DEEPEST = 6;
const MOST_FILES = 20_000;

/** The `.node` files of a package, without its dependencies', sorted by name. */
export function addonFiles({ folder }: Package): readonly string[] {
  let left = MOST_FILES;
  const within = (parent: string, depth: number): string[] =>
    readdirSync(parent, { withFileTypes: true })
      .toSorted((one, other) => (one.name < other.name ? -1 : 1))
      .flatMap((entry) => {
        left -= 1;
        const path = join(parent, entry.name);
        if (left < 0 || entry.name === "node_modules" || entry.name.startsWith(".")) return [];
        if (entry.isDirectory()) return depth < DEEPEST ? within(path, depth + 1) : [];
        return entry.name.endsWith(".node") ? [path] : [];
      });
  return within(folder, 0);
}

function read(folder: string): Package | undefined {
  const path = join(folder, "package.json");
  if (!existsSync(path)) return undefined;
  let json: Readonly<Record<string, unknown>>;
  try {
    json = object(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    // If the bundler needs the file, it reports the problem.
    return undefined;
  }
  const { name, version, main } = json;
  if (typeof name !== "string" || name === "") return undefined;
  return {
    folder,
    name,
    version: typeof version === "string" ? version : "",
    main: typeof main === "string" ? main : undefined,
    subpaths: Object.keys(object(json.exports)).filter((key) => key.startsWith("./") && !key.includes("*")),
    dependencies: Object.keys(object(json.dependencies)),
    optional: Object.keys(object(json.optionalDependencies)),
    os: words(json.os),
    cpu: words(json.cpu),
    libc: words(json.libc),
  };
}

const object = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};

/** npm treats a string as a list of one. */
const words = (value: unknown): readonly string[] =>
  (Array.isArray(value) ? value : [value]).filter((word) => typeof word === "string");
