import { expect, test } from "bun:test";
import { rewritten } from "../../src/addons/rewrite.ts";

/** The bundler finds any file but one. */
const follows = (specifier: string) => specifier !== "./gone.js";
const loader = { answers: "bun-static:loader/x.js", names: ["fast-linux-musl"], files: false, follows };
const answered = (text: string) => rewritten(text, loader);
const required = 'const __bunStatic = require("bun-static:loader/x.js");';
const imported = 'import __bunStatic from "bun-static:loader/x.js";';

test("reads from the system become reads from the answers, in any quotes and calls", () => {
  expect(answered("isMusl = readFileSync('/usr/bin/ldd', 'utf-8').includes('musl')")).toBe(
    `${required}isMusl = readFileSync(__bunStatic.ldd, 'utf-8').includes('musl')`,
  );
  expect(answered('fs.existsSync("/etc/alpine-release")')).toBe(
    `${required}__bunStatic.exists(fs.existsSync)(__bunStatic.alpine)`,
  );
  expect(answered("process.report?.getReport().header.glibcVersionRuntime")).toBe(
    `${required}__bunStatic.report?.getReport().header.glibcVersionRuntime`,
  );
  expect(answered("const { report } = require('node:process'); report.getReport().header.glibcVersionRuntime")).toBe(
    `${required}const { report } = require('bun-static:process'); report.getReport().header.glibcVersionRuntime`,
  );
});

test("a require of a name made at run time looks the name up; one that the bundler follows stays", () => {
  expect(answered("native = require(`fast-" + "$" + "{platform}`); fs = require('fs');")).toBe(
    `${required}native = __bunStatic.require(require)(\`fast-$\{platform}\`); fs = require('fs');`,
  );
  expect(answered("require('fast-linux-musl')")).toBeUndefined();
  expect(answered("requireNative(name); function require(name) {} thing.require(name);")).toBeUndefined();
});

test("native modules are looked up if require is the module's own, or another name for it", () => {
  const module = 'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);\n';
  expect(answered(`${module}require("fast-linux-musl/addon.node"); require("semver");`)).toBe(
    `${imported}${module}__bunStatic.require(require)("fast-linux-musl/addon.node"); require("semver");`,
  );
  expect(answered('__require("./fast.node"); __require("fs");')).toBe(
    `${required}__bunStatic.require(__require)("./fast.node"); __require("fs");`,
  );
});

test("a directive stays first, and no line moves", () => {
  const text = '#!/usr/bin/env node\n// by hand\n"use strict";\nif (existsSync("/etc/alpine-release")) {\n}\n';
  const result = answered(text) ?? "";
  expect(result).toStartWith(`#!/usr/bin/env node\n// by hand\n"use strict";${required}\n`);
  expect(result.split("\n")).toHaveLength(text.split("\n").length);
});

test("a file that asks nothing does not change", () => {
  expect(answered('import a from "a"; console.log(process.report, require("b"));')).toBeUndefined();
});

test("a require that the module made by another name is followed in its package, and looked up elsewhere", () => {
  const made = 'import { createRequire as c } from "node:module"; const $r = c(import.meta.url), other_r = 1;';
  const calls =
    '$r("./part.js"); $r("./gone.js"); $r("node:fs"); $r(process.env.A || "native"); $r("native"); a.$r("./b");';
  const text = made.replace("= c(", "= createRequire(") + calls;
  expect(rewritten(text, { answers: "bun-static:loader/x", names: ["native"], files: false, follows })).toEndWith(
    'require("./part.js"); $r("./gone.js"); $r("node:fs"); __bunStatic.require($r)(process.env.A || "native"); ' +
      '__bunStatic.require($r)("native"); a.$r("./b");',
  );
});
