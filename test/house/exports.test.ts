import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const REPOSITORY = join(import.meta.dir, "../..");
const read = (path: string) => readFileSync(join(REPOSITORY, path), "utf8");

const FILES = ["src", "harness", "bench", "test"]
  .flatMap((folder) => [...new Bun.Glob(`${folder}/**/*.ts`).scanSync(REPOSITORY)])
  .filter((path) => !/^test\/link\/(programs|fixture)\//.test(path))
  .toSorted();

/** The files that programs outside of this repository import. */
const PUBLIC = ["src/link/index.ts", "src/addons/index.ts"];

/** An exported declaration of a value, and a name imported elsewhere. A type may be part of what a value tells. */
const DECLARED = /^export (?:async )?(?:abstract )?(?:function\*?|const|let|class|enum) (\w+)/gm;
const IMPORTED =
  /\b(?:import|export) (?:type )?(?:\w+,? ?)?(\{[^}]*\}|\* as \w+) from "(\.[^"]+)"|\bimport\("(\.[^"]+)"\)/g;

/** The names that other files import from each file of the repository; "*" for all. */
const asked = new Map<string, Set<string>>();
for (const file of FILES)
  for (const [, names = "*", of, at] of read(file).matchAll(IMPORTED)) {
    const target = normalize(join(dirname(file), of ?? at ?? ""));
    const known = asked.get(target) ?? new Set();
    asked.set(target, known);
    if (!names.startsWith("{")) known.add("*");
    for (const [, name = ""] of names.matchAll(/(?:type )?(\w+)(?: as \w+)?\s*[,}]/g)) known.add(name);
  }

test("nothing is exported that no other file imports", () => {
  const unused = FILES.filter((file) => !PUBLIC.includes(file)).flatMap((file) => {
    const wanted = asked.get(file) ?? new Set();
    if (wanted.has("*")) return [];
    return [...read(file).matchAll(DECLARED)]
      .map(([, name = ""]) => name)
      .filter((name) => !wanted.has(name))
      .map((name) => `${file}: ${name}`);
  });
  expect(unused, "take the word export away, or the declaration").toEqual([]);
  expect(asked.get("src/link/link.ts")?.size).toBeGreaterThan(0);
});
