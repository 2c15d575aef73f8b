import { expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";
import { REPOSITORY, read } from "./pages.ts";

/** The folders that each folder of src/ stands on, by CONTRIBUTING.md's table, each with a trailing slash. */
const RULES = new Map(
  [...read("CONTRIBUTING.md").matchAll(/^\| `(src\/[\w/-]+\/)` \| .* \| (.*) \|$/gm)].map(
    ([, folder = "", imports = ""]) => [folder, [...imports.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path)],
  ),
);

const FILES = [...new Bun.Glob("src/**/*.ts").scanSync(REPOSITORY)].toSorted();

/** Folders that only hold folders: each of these has its own row. */
const part = /^src\/(?:(?:build|ship)\/)?(?:[\w-]+\/)?/;
/**
 * The folder of src/ that contains a file; for an architecture's folder, the folder of all of them; for a file of src/
 * itself, the file.
 */
const partOf = (file: string) => (dirname(file) === "src" ? file : (part.exec(file)?.[0] ?? file));

/** The files of the repository that `file` imports or re-exports, including types. */
const importsOf = (file: string) =>
  [...read(file).matchAll(/\b(?:from|import) ?\(?"(\.[^"]+)"/g)].map(([, path = ""]) =>
    normalize(join(dirname(file), path)),
  );

const GRAPH = new Map(FILES.map((file) => [file, importsOf(file)]));

test("every folder of src/ has its row, and every row its folder", () => {
  const folders = [...new Set(FILES.map(partOf))].filter((part) => part.endsWith("/"));
  expect([...RULES.keys()].toSorted(), "the rows of CONTRIBUTING.md's table").toEqual(folders.toSorted());
});

test("a folder stands only on folders of rows above its own", () => {
  const rows = [...RULES.keys()];
  const wrong = [...RULES].flatMap(([folder, named]) =>
    named
      .filter((path) => rows.indexOf(path) >= rows.indexOf(folder))
      .map((path) => `${folder} stands on ${path}, whose row is below its own`),
  );
  expect(wrong, "the rows of CONTRIBUTING.md's table").toEqual([]);
});

/** What a folder may import: the folders that it stands on, and those that these stand on. */
const below = (folder: string): readonly string[] =>
  (RULES.get(folder) ?? []).flatMap((named) => [named, ...below(named)]);

test("a folder imports only what its row stands on, and what that stands on", () => {
  for (const [folder, named] of RULES) {
    const allowed = new Set(below(folder));
    const imported = new Set<string>();
    for (const file of FILES.filter((file) => partOf(file) === folder))
      for (const target of GRAPH.get(file) ?? []) {
        const part = partOf(target);
        if (part === folder || part === "package.json") continue;
        imported.add(part);
        expect(allowed.has(part), `${file} imports ${target}: CONTRIBUTING.md's row of ${folder}`).toBe(true);
      }
    for (const part of named) {
      expect(imported.has(part), `CONTRIBUTING.md's row of ${folder}: nothing in it imports ${part}`).toBe(true);
      const others = named.filter((other) => other !== part).flatMap(below);
      expect(others.includes(part), `CONTRIBUTING.md's row of ${folder}: another folder brings ${part}`).toBe(false);
    }
  }
  expect(GRAPH.get("src/link/link.ts")?.length).toBeGreaterThan(3);
});

test("src/ imports only src/ and package.json from the repository", () => {
  for (const [file, targets] of GRAPH)
    for (const target of targets) expect(target, `${file} imports ${target}`).toMatch(/^(src\/|package\.json$)/);
});

test("harness/ and bench/ import nothing from test/", () => {
  const files = [...new Bun.Glob("{bench,harness}/**/*.ts").scanSync(REPOSITORY)];
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((target) => target.startsWith("test/") || (file.startsWith("harness/") && target.startsWith("bench/")))
      .map((target) => `${file} imports ${target}`),
  );
  expect(files.length).toBeGreaterThan(20);
  expect(wrong).toEqual([]);
});

/** Names of architectures, their registers, instructions and relocations. */
const OF_AN_ARCHITECTURE =
  /\b(x86\w*|amd64|x64|i386|aarch64|arm64|armv8|R_X86_64_\w+|R_AARCH64_\w+|[re](ax|bx|cx|dx|si|di|sp|bp|ip)|r(8|9|1[0-5])|x([0-9]|[12][0-9]|30)|[re]flags|fs_base|tpidr_el0|pstate|elr|svc|cpuid|xgetbv|int3)\b/gi;

test("no file outside src/arch/ names an architecture, except in comments", () => {
  const other = FILES.filter((file) => !file.startsWith("src/arch/"));
  const found = other.flatMap((file) => {
    const code = read(file).replace(/\/\*.*?\*\/|\/\/.*$/gms, "");
    return [...code.matchAll(OF_AN_ARCHITECTURE)].map(([name]) => `${file}: ${name}`);
  });
  expect(found, "what differs between architectures is asked of their records").toEqual([]);
  expect(read("src/arch/x86-64/linux.ts").match(OF_AN_ARCHITECTURE)?.length).toBeGreaterThan(10);
});

test("no file imports itself through others", () => {
  const done = new Set<string>();
  const follow = (file: string, way: readonly string[]): void => {
    expect(way, [...way.slice(way.indexOf(file)), file].join(" imports ")).not.toContain(file);
    if (done.has(file)) return;
    for (const target of GRAPH.get(file) ?? []) follow(target, [...way, file]);
    done.add(file);
  };
  for (const file of FILES) follow(file, []);
});
