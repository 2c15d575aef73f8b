import { dirname, relative } from "node:path";

/** The prefix of modules that we add to the program. A program cannot have modules of such names itself. */
export const PREFIX = "bun-static:";

/** The answers for loaders, and how a program sees and disables them. All other modules here use this one. */
export const LIBC = `${PREFIX}libc`;
/** A file that says "musl", in place of /usr/bin/ldd and of /etc/alpine-release. */
export const SIGN = `${PREFIX}sign`;
export const SIGN_TEXT = "musl libc\n";
/** node:process with a report that names no glibc. */
export const PROCESS = `${PREFIX}process`;

/** This environment variable can turn the answers off. Under Symbol.for("bun-static"), the program finds who asked. */
const SWITCH = "BUN_STATIC_ANSWERS";

export const LIBC_TEXT = `
const answers = process.env.${SWITCH} !== "0";
const state = (globalThis[Symbol.for("bun-static")] ??= { libc: "musl", answers, asked: [] });
const muslReport = () => {
  const report = process.report?.getReport?.() ?? {};
  const { glibcVersionRuntime, glibcVersionCompiler, ...header } = report.header ?? {};
  const sharedObjects = [...(report.sharedObjects ?? []), "libc.musl-" + process.arch + ".so.1"];
  return { ...report, header, sharedObjects };
};
exports.answers = answers;
exports.note = (name) => { if (!state.asked.includes(name)) state.asked.push(name); };
const getReport = { value: muslReport, writable: true };
exports.report = answers ? Object.create(process.report ?? {}, { getReport }) : process.report;
exports.ldd = answers ? require("${SIGN}") : "/usr/bin/ldd";
exports.alpine = answers ? require("${SIGN}") : "/etc/alpine-release";
`;

export const PROCESS_TEXT = `
const { report } = require("${LIBC}");
module.exports = Object.create(process, { report: { value: report, enumerable: true } });
`;

/** Appended to detect-libc: version 1 has strings where version 2 has functions. */
export const DETECT_LIBC = `
;{
  const libc = require("${LIBC}");
  libc.note("detect-libc");
  if (libc.answers && process.platform === "linux") {
    const asked = {
      ...{ family: async () => "musl", familySync: () => "musl" },
      ...{ isNonGlibcLinux: async () => true, isNonGlibcLinuxSync: () => true },
      ...{ version: async () => null, versionSync: () => null },
    };
    const said = { family: "musl", version: "", method: "bun-static", isNonGlibcLinux: true };
    Object.assign(module.exports, typeof module.exports.family === "function" ? asked : said);
  }
}
`;

const quoted = (text: string) => JSON.stringify(text);

/**
 * What a loader at `path` calls instead of require and existsSync. `byName`: what it may require by a package's name.
 * `byPath`: files by absolute path. Anything else goes to the original function.
 */
export function loaderText(
  path: string,
  name: string,
  byName: ReadonlyMap<string, string>,
  byPath: readonly string[],
): string {
  const names = [...byName].map(([specifier, file]) => `${quoted(specifier)}: () => require(${quoted(file)}),`);
  const paths = byPath.map((file) => `${quoted(file)}: () => require(${quoted(file)}),`);
  return `
const libc = require("${LIBC}");
const { resolve, basename } = require("node:path");
libc.note(${quoted(name)});
const byName = { __proto__: null, ${names.join("\n")} };
const byPath = { __proto__: null, ${paths.join("\n")} };
const find = (asked) => {
  if (typeof asked !== "string" || !libc.answers) return undefined;
  if (asked in byName) return byName[asked];
  if (!/^[./]/.test(asked) && !asked.startsWith("file:")) return undefined;
  const path = resolve(${quoted(dirname(path))}, asked.replace(/^file:\\/\\//, ""));
  for (const candidate of [path, path + ".node"]) if (candidate in byPath) return byPath[candidate];
  // A module of the bundle computes paths from where the bundle is: the name of the file is what is left of it.
  const alike = path.endsWith(".node") ? Object.keys(byPath).filter((known) => basename(known) === basename(path)) : [];
  return alike.length === 1 ? byPath[alike[0]] : undefined;
};
module.exports = {
  get process() { return require("${PROCESS}"); },
  report: libc.report,
  ldd: libc.ldd,
  alpine: libc.alpine,
  require: (otherwise) => (asked, ...rest) => (find(asked) ?? (() => otherwise(asked, ...rest)))(),
  exists: (otherwise) => (asked, ...rest) => find(asked) !== undefined || otherwise(asked, ...rest),
};
`;
}

/**
 * An addon with its own libraries. It is loaded from a temporary folder that only this user can read, with the
 * libraries in the same relative places as on disk.
 */
export function unpackedText(addon: string, libraries: readonly string[]): string {
  const files = [addon, ...libraries];
  const root = commonFolder(files);
  const rows = files.map((file) => `[${quoted(relative(root, file))}, require(${quoted(`${PREFIX}file${file}`)})],`);
  return `
const { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { dirname, join } = require("node:path");
const files = [${rows.join("\n")}];
const folder = mkdtempSync(join(process.env.BUN_TMPDIR || tmpdir(), "bun-static-"));
try {
  for (const [name, embedded] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), readFileSync(embedded));
  }
  process.dlopen(module, join(folder, files[0][0]));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
`;
}

function commonFolder(files: readonly string[]): string {
  const [first = "/", ...others] = files.map((file) => dirname(file));
  const depth = first.split("/").findIndex((part, index) => others.some((other) => other.split("/")[index] !== part));
  return depth < 0 ? first : first.split("/").slice(0, depth).join("/") || "/";
}

/** A module that fails to load, with the reason. An addon's loader tries its next candidate, or shows the reason. */
export const missingText = (reason: string): string =>
  `throw Object.assign(new Error(${quoted(reason)}), { code: "MODULE_NOT_FOUND" });`;
