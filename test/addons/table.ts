/**
 * Tries packages with native addons, and writes docs/addons.md: compiles each, links it with the libraries of Debian
 * 13, and calls it alone in a root. Downloads some 500 MB of packages.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownLibraries, readNative } from "../../src/addons/native.ts";
import { packageAt } from "../../src/addons/package.ts";
import { targetOf } from "../../src/addons/target.ts";
import { addonOf, variantsOf } from "../../src/addons/variants.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { librariesOf } from "../link/others.ts";
import { CALLS, type Call } from "./calls.ts";
import { FOLDER, installAddons, tried } from "./run.ts";

const OUTPUT = join(import.meta.dir, "..", "..", "docs", "addons.md");
const SUITE = "trixie";
const target = targetOf(X86_64);

installAddons();
const libraries = await librariesOf(SUITE);
const rows = CALLS.map((call) => {
  const outcome = tried(call, libraries);
  console.log(`${outcome.ok ? "works" : "fails"}  ${call.name}${outcome.ok ? "" : `: ${outcome.said.slice(0, 300)}`}`);
  return { call, outcome };
});
writeFileSync(OUTPUT, page());
console.log(`wrote ${OUTPUT}`);
// What the table says about a package must be true.
process.exitCode = rows.every(({ call, outcome }) => outcome.ok === (call.fails === undefined)) ? 0 : 1;

function page(): string {
  const works = rows.filter(({ outcome }) => outcome.ok).length;
  return `# Native addons that were tried

For anyone whose Bun program needs a native addon. You get the packages that work with \`bun-static\` and those
that fail.

Made by \`npx -y bun@${Bun.version} run addons:table\` on ${new Date().toISOString().slice(0, 10)}, on x86-64.

For each package, \`bun-static\` compiled a program that imports the package by its name and calls it. The program was
linked with the libraries of Debian 13, and ran in a root with the program and /tmp only, with HOME=/tmp. ${works} of
${rows.length} printed what they must. [The page on the linker](link.md#native-addons) says how to install such packages.

| package | version | its addon | it needs besides musl | called | result |
| --- | --- | --- | --- | --- | --- |
${rows.map(({ call, outcome }) => `| ${[call.name, ...described(call), call.calls, result(call, outcome.ok)].join(" | ")} |\n`).join("")}`;
}

function result({ proc, fails }: Call, ok: boolean): string {
  if (!ok) return `fails: ${fails ?? "unknown why"}`;
  return proc === undefined ? "works" : `works with /proc, which it needs: ${proc}`;
}

/** Its version, the addon's origin, and the libraries that its file needs. */
function described({ name }: Call): readonly string[] {
  const of = packageAt(join(FOLDER, "node_modules", name));
  if (of === undefined) return ["", "not installed", ""];
  const inner = of.dependencies.map((dependency) => packageAt(join(FOLDER, "node_modules", dependency)));
  const owner = [of, ...inner].find((one) => one !== undefined && addonOf(one, target) !== undefined);
  const addon = owner === undefined ? undefined : addonOf(owner, target);
  if (owner === undefined || addon === undefined) return [of.version, "none for musl", ""];
  const variant = variantsOf(owner, target).find(({ of: { folder } }) => addon.startsWith(`${folder}/`));
  const own = ownLibraries(addon).map((path) => path.split("/").at(-1) ?? path);
  const needed = (readNative(addon)?.needed ?? []).filter((soname) => !/^libc\./.test(soname));
  const said = needed.map((soname) => (own.includes(soname) ? `${soname}, which it brings along` : soname));
  return [of.version, variant === undefined ? "in the package" : variant.of.name, said.join(", ") || "nothing"];
}
