/**
 * Packages that find an addon on disk for the package that calls them. Each function here returns the text of a module
 * to use instead, given the addon found at compile time (its path, and an expression that loads it).
 */
export type Helper = (path: string, load: string) => string;

const quoted = (text: string) => JSON.stringify(text);

/** load(dir), load.path(dir), load.resolve(dir). */
const gypBuild: Helper = (path, load) => `
const load = () => ${load};
load.path = load.resolve = () => ${quoted(path)};
module.exports = load;
`;

export const HELPERS: Readonly<Record<string, Helper>> = {
  "node-gyp-build": gypBuild,
  "node-gyp-build-optional-packages": gypBuild,
  "require-addon": (_path, load) => `module.exports = () => ${load};`,
  "pkg-prebuilds": (_path, load) => `module.exports = () => ${load};`,
  bindings: (_path, load) => `module.exports = () => ${load};`,
  "cmake-ts/build/loader": (_path, load) => `exports.loadAddon = () => ${load};`,
  "@mapbox/node-pre-gyp": (path) => `exports.find = () => ${quoted(path)};`,
  "node-pre-gyp": (path) => `exports.find = () => ${quoted(path)};`,
};

/** Matches the specifiers of all of them. */
export const HELPER_NAMES = new RegExp(`^(${Object.keys(HELPERS).join("|").replaceAll("/", "\\/")})(\\.js)?$`);
