import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { CLI, rootFor, run, runAlone } from "../link/others.ts";
import { Packages } from "./fixture.ts";

const MINUTES = 60_000;
const packages = new Packages("loaders");
/** Bun keeps downloaded runtimes below HOME. */
/** Little, and what Bun needs where a download of its passes a proxy with a certificate of its own. */
const { PATH = "", HOME = "/root", NODE_EXTRA_CA_CERTS } = process.env;
const ENVIRONMENT = { PATH, HOME, ...(NODE_EXTRA_CA_CERTS === undefined ? {} : { NODE_EXTRA_CA_CERTS }) };
const cpu = X86_64.processArch;

/** Constraints of a variant's package.json, as npm documents them. */
const variant = (libc: "musl" | "glibc") => ({ os: ["linux"], cpu: [cpu], libc: [libc], main: "addon.node" });

/** Installs a package with its variants for both C libraries, and a loader. */
function withVariants(name: string, value: number, json: object, files: Readonly<Record<string, string>>): void {
  const [musl, gnu] = [`${name}-linux-${cpu}-musl`, `${name}-linux-${cpu}-gnu`];
  packages.install(name, { ...json, optionalDependencies: { [musl]: "1.2.3", [gnu]: "1.2.3" } }, files);
  packages.install(musl, variant("musl"));
  packages.addon(`node_modules/${musl}/addon.node`, value);
  packages.install(gnu, variant("glibc"));
  packages.addon(`node_modules/${gnu}/addon.node`, -value, "glibc");
}

/** The two questions of napi-rs's second-generation loaders: what ldd is, then what the report says. */
const NAPI_2 = `
const { readFileSync } = require("fs");
const file = () => { try { return readFileSync("/usr/bin/ldd", "utf-8").includes("musl"); } catch { return null; } };
const report = () => { const { header, sharedObjects } = process.report.getReport(); return !header.glibcVersionRuntime && sharedObjects.some((f) => f.includes("libc.musl-")); };
const musl = file() ?? report();
if (musl) module.exports = require("napi-2-linux-${cpu}-musl"); else module.exports = require("napi-2-linux-${cpu}-gnu");
`;
const NAPI_1 = `
const { existsSync } = require("fs");
const { join } = require("path");
const { glibcVersionRuntime } = process.report.getReport().header;
const name = glibcVersionRuntime ? "gnu" : "musl";
module.exports = name === "musl" && existsSync(join(__dirname, "napi-1.musl.node")) ? require("./napi-1.musl.node") : null;
`;
const DETECT_LIBC = `
const GLIBC = "glibc", MUSL = "musl";
module.exports = { GLIBC, MUSL, family: async () => null, familySync: () => null, isNonGlibcLinux: async () => true, isNonGlibcLinuxSync: () => true, version: async () => null, versionSync: () => null };
`;
const BOTH = `'use strict'
const load = (libc) => libc === "musl" ? require("./musl/both.node") : require("./gnu/both.node")
module.exports = load(require("fs").readFileSync("/usr/bin/ldd", "utf8").includes("musl") ? "musl" : "gnu")
module.exports += (function () { return this === undefined ? 0 : 100 })()
`;
const MADE = {
  "index.js": `import { createRequire as c } from "node:module"; let my_require = createRequire(import.meta.url);
    import { createRequire } from "node:module";
    export default [my_require(process.env.NATIVE || "napi-2"), my_require("./part.cjs"), typeof my_require("node:fs")];`,
  "part.cjs": "module.exports = 15;",
};
const OPTIONAL = `let found = 13;
function slow() { found = require("../optional/build/Release/optional.node"); }
try { slow(); } catch (error) { if (error.code !== "MODULE_NOT_FOUND") throw error; }
module.exports = found;`;
const PROGRAM = `
import detect from "detect-libc";
import napi2 from "napi-2";
import napi1 from "napi-1";
import byTemplate from "by-template";
import ownRequire from "own-require";
import gyp from "gyp";
import bound from "bound";
import library from "library";
import two from "two";
import prebuilt from "prebuilt";
import both from "both";
import first from "first";
import made from "made";
const state = (globalThis as any)[Symbol.for("bun-static")];
console.log(JSON.stringify({ family: detect.familySync(), napi2, napi1, byTemplate, ownRequire, gyp, bound, library, two, prebuilt, both, first, made, libc: state.libc, asked: state.asked.sort() }));
`;

beforeAll(() => {
  packages.install("detect-libc", { main: "lib/detect-libc.js" }, { "lib/detect-libc.js": DETECT_LIBC });
  withVariants("napi-2", 2, {}, { "index.js": NAPI_2 });
  packages.install("napi-1", {}, { "index.js": NAPI_1 });
  packages.addon("node_modules/napi-1/napi-1.musl.node", 1);
  withVariants(
    "by-template",
    3,
    {},
    {
      "index.js": `const { familySync, MUSL } = require("detect-libc");
      const name = [process.platform, process.arch, familySync() === MUSL ? "musl" : "gnu"].join("-");
      module.exports = require(\`by-template-\${name}\`);`,
    },
  );
  withVariants(
    "own-require",
    4,
    { type: "module", exports: "./index.js" },
    {
      "index.js": `import { createRequire } from "node:module";
      import { familySync } from "detect-libc";
      const require = createRequire(import.meta.url);
      let native;
      switch (familySync()) { case "musl": native = require("own-require-linux-${cpu}-musl"); break; default: native = require("own-require-linux-${cpu}-gnu"); }
      export default native;`,
    },
  );
  packages.install("node-gyp-build", {}, { "index.js": "module.exports = () => { throw new Error('no disk'); };" });
  packages.install("gyp", {}, { "index.js": `module.exports = require("node-gyp-build")(__dirname);` });
  packages.addon(`node_modules/gyp/prebuilds/linux-${cpu}/gyp.glibc.node`, -5);
  packages.addon(`node_modules/gyp/prebuilds/linux-${cpu}/gyp.musl.node`, 5);
  packages.install("bindings", {}, { "index.js": "module.exports = () => { throw new Error('no disk'); };" });
  packages.install("bound", {}, { "index.js": `module.exports = require("bindings")("bound.node");` });
  packages.addon("node_modules/bound/build/Release/bound.node", 6);
  packages.install("library", {}, { "index.js": `module.exports = require("./addon/library.node");` });
  packages.addonWithLibrary("node_modules/library/addon/library.node", "node_modules/library/lib/libanswer.so.1", 7);
  // Two addons in one package, chosen by a name.
  packages.install(
    "two",
    {},
    { "index.js": `const b = require("bindings"); module.exports = [b("one"), b({ bindings: "other.node" })];` },
  );
  packages.addon("node_modules/two/build/Release/one.node", 8);
  packages.addon("node_modules/two/build/Release/other.node", 9);
  packages.install("pkg-prebuilds", {}, { "bindings.js": "module.exports = () => { throw new Error('no disk'); };" });
  packages.install(
    "prebuilt",
    {},
    { "index.js": `module.exports = require("pkg-prebuilds/bindings")(__dirname, { name: "b" });` },
  );
  packages.addon(`node_modules/prebuilt/prebuilds/a-linux-${cpu}-musl/node-napi-v4.node`, 10);
  packages.addon(`node_modules/prebuilt/prebuilds/b-linux-${cpu}-musl/node-napi-v4.node`, 11);
  // A file for each C library, both named in the loader, which begins with a directive and no semicolon.
  packages.install("both", {}, { "index.js": BOTH });
  packages.addon("node_modules/both/gnu/both.node", -12, "glibc");
  packages.addon("node_modules/both/musl/both.node", 12);
  // napi-rs's first generation, and an ES module that makes a require of its own by another name.
  packages.install(
    "@node-rs/helper",
    {},
    { "index.js": "exports.loadBinding = () => { throw new Error('no disk'); };" },
  );
  withVariants(
    "first",
    14,
    {},
    { "index.js": `module.exports = require("@node-rs/helper").loadBinding(__dirname, "first", "first");` },
  );
  packages.install("made", { type: "module", exports: "./index.js", dependencies: { "napi-2": "1.2.3" } }, MADE);
  packages.write("program.ts", PROGRAM);
});

/** The first run on a machine says that Bun fetches the runtime: those lines are left out. */
function linked(source: string, output: string, ...words: readonly string[]) {
  const outcome = run([process.execPath, CLI, source, "-o", output, ...words], "", ENVIRONMENT, packages.folder);
  return { ...outcome, stderr: outcome.stderr.replace(/^(?:Downloading|Decompressing|Extracting)\b.*\n/gm, "") };
}

describe("a program with addons of every loader", () => {
  const root = () => rootFor("loaders", packages.path("program"));

  testNeeding(NEEDS.namespaces)(
    "each loader gets its addon for musl in a root with only /tmp, and the program sees which loaders asked",
    () => {
      const { exitCode, stderr } = linked("program.ts", "program");
      expect({ exitCode, stderr }).toEqual({
        exitCode: 0,
        stderr:
          "bun-static: note: these were told that they run on musl: " +
          "both, bound, by-template, detect-libc, first, gyp, library, made, napi-1, napi-2, own-require, prebuilt, two\n",
      });
      const alone = runAlone(root(), []);
      expect({ ...alone, stdout: JSON.parse(alone.stdout || "{}") }).toEqual({
        exitCode: 0,
        stderr: "",
        stdout: {
          ...{ family: "musl", napi2: 2, napi1: 1, byTemplate: 3, ownRequire: 4, gyp: 5, bound: 6, library: 7 },
          ...{ two: [8, 9], prebuilt: 11, both: 12, first: 14, made: [2, 15, "object"] },
          ...{ libc: "musl", asked: ["both", "by-template", "detect-libc", "made", "napi-1", "napi-2", "own-require"] },
        },
      });
    },
    2 * MINUTES,
  );

  testNeeding(NEEDS.namespaces)(
    "the files that an addon with libraries is loaded from are removed again",
    () => {
      const folder = root();
      runAlone(folder, []);
      expect(readdirSync(join(folder, "tmp")).filter((name) => name.startsWith("bun-static-"))).toEqual([]);
    },
    MINUTES,
  );

  testNeeding(NEEDS.namespaces)(
    "BUN_STATIC_ANSWERS=0 switches the answers off at run time, and --no-answers at link time",
    () => {
      const off = run(["chroot", root(), "/program"], "", { PATH: process.env.PATH ?? "", BUN_STATIC_ANSWERS: "0" });
      expect(off.exitCode).toBe(1);
      expect(off.stderr).toContain("napi-2-linux");
      expect(linked("program.ts", "without", "--no-answers").stderr).not.toContain("were told");
      expect(runAlone(rootFor("without", packages.path("without")), []).exitCode).toBe(1);
    },
    2 * MINUTES,
  );
});

testNeeding(NEEDS.namespaces)(
  "an addon that is not installed for musl, or does not exist for it, is named with what to do",
  () => {
    const missing = `missing-linux-${cpu}-musl`;
    packages.install(
      "missing",
      { optionalDependencies: { [missing]: "1.2.3" } },
      {
        "index.js": `try { module.exports = require(\`missing-\${process.platform}\`); } catch {} require("fs").existsSync("/etc/alpine-release");`,
      },
    );
    packages.install("gnu-only", {}, { "index.js": `module.exports = () => require("node-gyp-build")(__dirname);` });
    packages.addon(`node_modules/gnu-only/prebuilds/linux-${cpu}/gnu-only.node`, 1, "glibc");
    // An addon that its install script makes, and that the package works without.
    packages.install("optional", {}, { "index.js": `module.exports = require("./native");`, "native.js": OPTIONAL });
    packages.write(
      "missing.ts",
      'import "missing"; import "gnu-only"; import found from "optional"; import "starts"; import pre from "pre"; console.log(found, pre);',
    );
    // A helper that has requires of its own which nobody installs, as bcrypt 5 has it.
    packages.install("@mapbox/node-pre-gyp", {}, { "index.js": `require("mock-aws-s3"); exports.find = () => "";` });
    packages.install(
      "pre",
      {},
      { "index.js": `module.exports = require(require("@mapbox/node-pre-gyp").find("../package.json"));` },
    );
    packages.addon("node_modules/pre/lib/binding/pre.node", 16);
    packages.install("starts", { optionalDependencies: { "starts-linux": "1.2.3" } }, { "index.js": "exports.a = 1;" });
    packages.install("starts-linux", { os: ["linux"], cpu: [cpu] }, { "bin/starts": "#!/bin/sh" });
    const { exitCode, stderr } = linked("missing.ts", "missing");
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: [
        "bun-static: note: these were told that they run on musl: pre\n",
        `bun-static: warning: gnu-only 1.2.3 will not find its addon: it has none for musl on ${cpu}; compile it with a compiler for musl (on Alpine), or leave it out: --external gnu-only\n`,
        `bun-static: warning: missing 1.2.3 will not find its addon: ${missing} is not installed; install for musl: bun install --os=linux --cpu=${cpu} --libc=musl (npm install takes the same options)\n`,
        "bun-static: warning: optional 1.2.3 will not find its addon: ../optional/build/Release/optional.node does " +
          "not exist, because its install script makes it; compile it with a compiler for musl (on Alpine), or leave " +
          "it out: --external optional\n",
        "bun-static: warning: starts 1.2.3 starts or opens files of starts-linux, which are not in the program: " +
          "install them where it runs\n",
      ].join(""),
    });
    expect(runAlone(rootFor("missing", packages.path("missing")), []).stdout).toBe("13 16\n");
  },
  MINUTES,
);

test(
  "of a program that bun build compiled, it says that its loaders find no answer; not of one with the plugin's",
  () => {
    packages.write("asks.ts", 'import value from "napi-2"; console.log(value);');
    const target = `--target=${X86_64.bunTarget}`;
    const compile = [process.execPath, "build", "--compile", "--minify", target, "asks.ts", "--outfile", "compiled"];
    expect(run(compile, "", ENVIRONMENT, packages.folder).exitCode).toBe(0);
    expect(linked("compiled", "asks").stderr).toMatch(
      /^bun-static: note: loaders of native addons in it ask for the system's C library, and find none: [^\n]*$/m,
    );
    const plugin = [process.execPath, join(import.meta.dir, "by-api.ts"), "answered", "asks.ts", "--minify"];
    expect(run(plugin, "", ENVIRONMENT, packages.folder).exitCode).toBe(0);
    expect(linked("answered", "asks")).toMatchObject({ exitCode: 0, stderr: "" });
  },
  MINUTES,
);
