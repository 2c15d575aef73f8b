import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { version } from "../../../package.json";
import { UserError } from "../../support/error.ts";
import { ROOT } from "../../support/project.ts";
import type { Scope } from "../../support/scope.ts";
import type { TarEntry } from "../image/tar.ts";

const HERE = import.meta.dir;

/** What a user imports, its source, and the runtimes that it is for. */
const MODULES = [
  { path: ".", source: "src/link/index.ts", name: "index", target: "node" },
  { path: "./addons", source: "src/addons/index.ts", name: "addons", target: "bun" },
  { path: undefined, source: "src/link/cli.ts", name: "cli", target: "bun" },
] as const;

/** The oldest Node.js that the library has been tried with. */
const NODE = ">=20";

/** The files of the package `bun-static`, below `package/` like npm's, sorted by name. */
export async function contents(run: Scope): Promise<readonly TarEntry[]> {
  const declarations = await declare(run);
  const modules = await Promise.all(MODULES.map(bundle));
  const text = (name: string, path: string): TarEntry => file(name, readFileSync(join(ROOT, path)));
  const own = join(relative(ROOT, HERE));
  return [
    ...modules,
    ...declarations,
    file("package.json", Buffer.from(`${JSON.stringify(manifest(), null, 2)}\n`)),
    { ...text("bin/bun-static.js", join(own, "launcher.js")), mode: 0o755 },
    file("bin/bunfig.toml", Buffer.from("# bun-static runs with this: nothing of the project's is run in it.\n")),
    text("README.md", join(own, "README.md")),
    text("CHANGELOG.md", join(own, "CHANGELOG.md")),
    text("LICENSE", "LICENSE"),
  ].toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

/** package.json for npm and Bun. */
function manifest(): object {
  const { engines, license, homepage, repository, bugs } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const exported = MODULES.filter(({ path }) => path !== undefined).map(({ path, source, name }) => [
    path,
    { types: `./${declarationOf(source)}`, default: `./lib/${name}.js` },
  ]);
  return {
    name: "bun-static",
    version,
    description: "Makes one static executable of a Bun program: no dynamic loader, no library to look for",
    keywords: ["bun", "compile", "static", "executable", "musl", "scratch", "docker", "linker", "native-addon"],
    ...{ license, homepage, repository, bugs },
    type: "module",
    engines: { ...engines, node: NODE },
    bin: { "bun-static": "bin/bun-static.js" },
    exports: { ...Object.fromEntries(exported), "./package.json": "./package.json" },
  };
}

async function bundle({ source, name, target }: (typeof MODULES)[number]): Promise<TarEntry> {
  const { outputs } = await Bun.build({
    entrypoints: [join(ROOT, source)],
    target,
    format: "esm",
    minify: { syntax: true, whitespace: false, identifiers: false },
  });
  const [output] = outputs;
  if (output === undefined) throw new Error(`${source}: the bundler returned nothing`);
  // The comments that name each source would contain the checkout's path.
  return file(`lib/${name}.js`, Buffer.from((await output.text()).replaceAll(`${ROOT}/`, "")));
}

/** Returns the path of TypeScript's compiler. @throws UserError when the development packages are not installed. */
export function requireCompiler(): string {
  const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
  if (existsSync(compiler)) return compiler;
  throw new UserError(`${compiler} not found; install it: npx -y bun@${Bun.version} install --frozen-lockfile`);
}

/** The declarations reachable from the exported ones. TypeScript's compiler writes them; Bun cannot. */
async function declare(run: Scope): Promise<readonly TarEntry[]> {
  const folder = run.folder("bun-static-types-");
  const compiler = requireCompiler();
  const sources = MODULES.filter(({ path }) => path !== undefined).map(({ source }) => join(ROOT, source));
  mkdirSync(folder, { recursive: true });
  await Bun.write(join(folder, "tsconfig.json"), JSON.stringify(compilerOptions(folder, sources)));
  const { status, stdout, stderr } = await run.spawn([process.execPath, compiler, "-p", folder]).ended;
  if (status !== 0) {
    const [reason = `TypeScript exited with ${status}`] = `${stdout}${stderr}`.trim().split("\n").filter(Boolean);
    throw new UserError(`writing the declarations of bun-static: ${reason}; make sure that bun run check passes`);
  }
  const wanted = closure(MODULES.filter(({ path }) => path !== undefined).map(({ source }) => declarationOf(source)));
  return wanted.map((name) => file(name, Buffer.from(inJavaScript(read(name)))));

  function read(name: string): string {
    return readFileSync(join(folder, name), "utf8");
  }
  function closure(roots: readonly string[]): readonly string[] {
    const found = new Set(roots);
    for (const name of found)
      for (const [, path = ""] of read(name).matchAll(/from "(\.[^"]+)\.ts"/g))
        found.add(`${join(dirname(name), path)}.d.ts`);
    return [...found];
  }
}

const compilerOptions = (folder: string, files: readonly string[]) => ({
  extends: join(ROOT, "tsconfig.json"),
  compilerOptions: {
    ...{ noEmit: false, declaration: true, emitDeclarationOnly: true, rewriteRelativeImportExtensions: true },
    ...{ rootDir: join(ROOT, "src"), outDir: join(folder, "types") },
    // bun run check has already checked them.
    noCheck: true,
    typeRoots: [join(ROOT, "node_modules", "@types")],
  },
  include: [],
  files,
});

const declarationOf = (source: string) => source.replace(/^src\//, "types/").replace(/\.ts$/, ".d.ts");

/** Under "nodenext", an import names the file that exists at run time. */
const inJavaScript = (declaration: string) => declaration.replace(/(from "\.[^"]+)\.ts"/g, '$1.js"');

const file = (name: string, bytes: Uint8Array): TarEntry => ({ name: `package/${name}`, bytes, mode: 0o644 });
