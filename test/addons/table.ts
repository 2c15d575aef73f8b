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
import { FOLDER, installAddons, type Outcome, tried } from "./run.ts";

const OUTPUT = join(import.meta.dir, "..", "..", "docs", "addons.md");
/** Debian's releases, by suite. */
const RELEASES = { "Debian 12": "bookworm", "Debian 13": "trixie" } as const;
const NEWEST = "Debian 13";
const target = targetOf(X86_64);

installAddons();
const rows: { call: Call; outcomes: Map<string, Outcome> }[] = [];
for (const call of CALLS.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
  const outcomes = new Map<string, Outcome>();
  for (const [release, suite] of Object.entries(RELEASES)) {
    const outcome = tried(call, await librariesOf(suite));
    outcomes.set(release, outcome);
    console.log(
      `${outcome.ok ? "works" : "fails"}  ${release}  ${call.name}${outcome.ok ? "" : `: ${outcome.said.slice(0, 300)}`}`,
    );
    for (const warning of outcome.warnings) console.log(`         ${warning.slice(0, 200)}`);
  }
  rows.push({ call, outcomes });
}
writeFileSync(OUTPUT, page());
console.log(`wrote ${OUTPUT}`);
// What the table says about a package must be true.
process.exitCode = rows.every(({ call, outcomes }) => worksWith(outcomes, NEWEST) === (call.fails === undefined))
  ? 0
  : 1;

function page(): string {
  const works = (release: string) => rows.filter(({ outcomes }) => worksWith(outcomes, release)).length;
  return `# Native addons that were tried

For anyone whose Bun program needs a native addon. You get the packages that work with \`bun-static\` and those
that fail.

Made by \`npx -y bun@${Bun.version} run addons:table\` on ${new Date().toISOString().slice(0, 10)}, on x86-64.

For each package, \`bun-static\` compiled a program that imports the package by its name and calls it. The program was
linked with the libraries of Debian 12 and of Debian 13, and ran in a root with the program and /tmp only, with
HOME=/tmp. Of ${rows.length}, ${works("Debian 12")} printed what they must with Debian 12's libraries, ${works("Debian 13")} with Debian 13's. [The page on the
linker](link.md#native-addons) says how to install such packages. The rows are in the order of the alphabet, because no
counts of downloads were at hand.

| package | version | its addon | it needs besides musl | called | Debian 12 | Debian 13 |
| --- | --- | --- | --- | --- | --- | --- |
${rows.map(({ call, outcomes }) => `| ${[call.name, ...described(call), call.calls, ...Object.keys(RELEASES).map((release) => result(call, outcomes, release))].join(" | ")} |\n`).join("")}`;
}

function worksWith(outcomes: ReadonlyMap<string, Outcome>, release: string): boolean {
  return outcomes.get(release)?.ok === true;
}

function result({ proc, fails }: Call, outcomes: ReadonlyMap<string, Outcome>, release: string): string {
  if (!worksWith(outcomes, release)) return `fails: ${fails ?? wanting(outcomes.get(release)) ?? "unknown why"}`;
  return proc === undefined ? "works" : `works with /proc, which it needs: ${proc}`;
}

/** What bun-static named as missing, and which release has it; of a mangled name, the last part. */
function wanting(outcome: Outcome | undefined): string | undefined {
  for (const text of outcome?.warnings ?? []) {
    const [all, names = "", release] = /it needs (.*), which nothing defines(?:: (.*) has it.*)?$/.exec(text) ?? [];
    if (all === undefined) continue;
    const short = names.replaceAll(/_Z\w*?\d(_M_[a-z_]+)\w*|\w+(?=,|$)/g, (name, part) => `\`${part ?? name}\``);
    return `it needs ${short}${release === undefined ? "" : `, which ${release} has`}`;
  }
  return undefined;
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
