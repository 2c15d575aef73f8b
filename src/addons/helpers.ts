/**
 * Packages that find an addon on disk for the package that calls them. Each function here returns the text of a module
 * to use instead, given the addons found at compile time.
 */
export type Helper = (found: Found) => string;

/** The likeliest addon, its path and an expression that loads it; and all of the package, by the names they go by. */
export type Found = {
  readonly path: string;
  readonly load: string;
  readonly named: readonly (readonly [name: string, load: string])[];
};

const quoted = (text: string) => JSON.stringify(text);

/** load(dir), load.path(dir), load.resolve(dir). */
const gypBuild: Helper = ({ path, load }) => `
const load = () => ${load};
load.path = load.resolve = () => ${quoted(path)};
module.exports = load;
`;

const only: Helper = ({ load }) => `module.exports = () => ${load};`;

/** The caller names the addon, because a package may have several; `name` is how it says so. */
const byName =
  (name: string): Helper =>
  ({ load, named }) =>
    `
const all = { __proto__: null, ${named.map(([name, load]) => `${quoted(name)}: () => ${load},`).join("\n")} };
module.exports = (asked, options) => (all[String(${name}).replace(/\\.node$/, "")] ?? (() => ${load}))();
`;

/** pkgPrebuilds(folder, { name }). */
const pkgPrebuilds = byName("options?.name");

/** find(package.json) returns the path; without an addon, the reason is thrown here. */
const preGyp: Helper = ({ path, load }) => `exports.find = () => ${path === "" ? load : quoted(path)};`;

export const HELPERS: Readonly<Record<string, Helper>> = {
  "node-gyp-build": gypBuild,
  "node-gyp-build-optional-packages": gypBuild,
  "require-addon": only,
  "pkg-prebuilds": pkgPrebuilds,
  "pkg-prebuilds/bindings": pkgPrebuilds,
  // bindings("name"), bindings({ bindings: "name" }).
  bindings: byName("asked?.bindings ?? asked"),
  "cmake-ts/build/loader": ({ load }) => `exports.loadAddon = () => ${load};`,
  "@mapbox/node-pre-gyp": preGyp,
  // The first generation of napi-rs: loadBinding(folder, file, package).
  "@node-rs/helper": ({ path, load }) =>
    `exports.loadBinding = () => ${load}; exports.locateBinding = () => ${quoted(path)};`,
  "node-pre-gyp": preGyp,
};

/** Matches the specifiers of all of them. */
export const HELPER_NAMES = new RegExp(`^(${Object.keys(HELPERS).join("|").replaceAll("/", "\\/")})(\\.js)?$`);
