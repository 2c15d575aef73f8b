import { UserError } from "../support/error.ts";

type Config = Omit<Bun.BuildConfig, "compile"> & { readonly compile: Bun.CompileBuildOptions };
type Draft = Readonly<Config>;

/** How an option of `bun build` changes Bun.build's. `value` is the option's value, or empty. */
type Say = (draft: Draft, value: string) => Partial<Draft>;

const ALL = { whitespace: true, syntax: true, identifiers: true } as const;
const minified = (
  draft: Draft,
  parts: { readonly [part in keyof typeof ALL | "keepNames"]?: true },
): Partial<Draft> => ({
  minify: { ...(typeof draft.minify === "object" ? draft.minify : {}), ...parts },
});
const named = (draft: Draft, part: "entry" | "chunk" | "asset", value: string): Partial<Draft> => ({
  naming: { ...(typeof draft.naming === "object" ? draft.naming : {}), [part]: value },
});
/** With a value, any of these options makes bun build use the runtime for production. */
const jsx = (draft: Draft, part: NonNullable<Draft["jsx"]>): Partial<Draft> => ({
  jsx: { development: false, ...draft.jsx, ...part },
});
const compile = (draft: Draft, part: Bun.CompileBuildOptions): Partial<Draft> => ({
  compile: { ...draft.compile, ...part },
});
/** Splits KEY=VALUE or KEY:VALUE at the first mark; a key alone is true. */
const pair = (value: string, mark: "=" | ":"): readonly [string, string] => {
  const at = value.indexOf(mark);
  return at < 0 ? [value, "true"] : [value.slice(0, at), value.slice(at + 1)];
};

const external: Say = (draft, value) => ({ external: [...(draft.external ?? []), value] });
const define: Say = (draft, value) => {
  const [key, text] = pair(value, value.includes("=") ? "=" : ":");
  return { define: { ...draft.define, [key]: text } };
};
const loader: Say = (draft, value) => {
  const [extension, name] = pair(value, ":");
  return { loader: { ...draft.loader, [extension]: name as Bun.Loader } };
};

/** Bun itself reports values that it does not know; this only passes them on. */
const SAY: Readonly<Record<string, Say>> = {
  "--production": (draft) => ({
    ...minified(draft, ALL),
    define: { ...draft.define, "process.env.NODE_ENV": JSON.stringify(process.env.NODE_ENV ?? "production") },
  }),
  "--bytecode": () => ({ bytecode: true }),
  "--bytecode-depth": (_draft, value) => ({ bytecodeDepth: Number(value) }),
  "--no-optimize-bytecode": () => ({ optimize: { bytecode: false } }),
  "--bytecode-order": (draft, value) =>
    compile(draft, { bytecodeOrder: [draft.compile.bytecodeOrder || [], value.split(",")].flat() }),
  "--sourcemap": (_draft, value) => ({ sourcemap: (value || "linked") as NonNullable<Draft["sourcemap"]> }),
  "--banner": (_draft, value) => ({ banner: value }),
  "--footer": (_draft, value) => ({ footer: value }),
  "--format": (_draft, value) => ({ format: value as NonNullable<Draft["format"]> }),
  "--root": (_draft, value) => ({ root: value }),
  "--splitting": () => ({ splitting: true }),
  "--no-split-require": () => ({ splitRequire: false }),
  "--no-module-preload": () => ({ modulePreload: false }),
  "--min-chunk-size": (_draft, value) => ({ minChunkSize: Number(value) }),
  "--external": external,
  "-e": external,
  "--allow-unresolved": (draft, value) => ({
    allowUnresolved: [...(draft.allowUnresolved ?? []), value === "<empty>" ? "" : value],
  }),
  "--reject-unresolved": () => ({ allowUnresolved: [] }),
  "--packages": (_draft, value) => ({ packages: value as NonNullable<Draft["packages"]> }),
  "--entry-naming": (draft, value) => named(draft, "entry", value),
  "--chunk-naming": (draft, value) => named(draft, "chunk", value),
  "--asset-naming": (draft, value) => named(draft, "asset", value),
  "--react-fast-refresh": () => ({ reactFastRefresh: true }),
  "--react-compiler": () => ({ reactCompiler: true }),
  "--check": () => ({}),
  "--emit-dce-annotations": () => ({ emitDCEAnnotations: true }),
  "--ignore-dce-annotations": () => ({ ignoreDCEAnnotations: true }),
  "--no-deprecated-namespace-object-setters": () => ({ deprecatedNamespaceObjectSetters: false }),
  "--minify": (draft) => minified(draft, ALL),
  "--minify-syntax": (draft) => minified(draft, { syntax: true }),
  "--minify-whitespace": (draft) => minified(draft, { whitespace: true }),
  "--minify-identifiers": (draft) => minified(draft, { identifiers: true }),
  "--keep-names": (draft) => minified(draft, { keepNames: true }),
  "--conditions": (draft, value) => ({ conditions: [...(draft.conditions ?? []), value] }),
  "--env": (_draft, value) => ({ env: value as NonNullable<Draft["env"]> }),
  "--define": define,
  "-d": define,
  "--drop": (draft, value) => ({ drop: [...(draft.drop ?? []), value] }),
  "--feature": (draft, value) => ({ features: [...(draft.features ?? []), value] }),
  "--loader": loader,
  "-l": loader,
  "--tsconfig-override": (_draft, value) => ({ tsconfig: value }),
  "--jsx-factory": (draft, value) => jsx(draft, { factory: value }),
  "--jsx-fragment": (draft, value) => jsx(draft, { fragment: value }),
  "--jsx-import-source": (draft, value) => jsx(draft, { importSource: value }),
  "--jsx-runtime": (draft, value) => jsx(draft, { runtime: value as "automatic" | "classic" }),
  "--jsx-side-effects": (draft) => ({ jsx: { ...draft.jsx, sideEffects: true } }),
  "--compile-exec-argv": (draft, value) => compile(draft, { execArgv: value.split(/\s+/).filter(Boolean) }),
  "--compile-jit-policy": (draft, value) => compile(draft, { jitPolicy: Number(value) }),
  "--compile-executable-path": (draft, value) => compile(draft, { executablePath: value }),
  "--compile-autoload-dotenv": (draft) => compile(draft, { autoloadDotenv: true }),
  "--no-compile-autoload-dotenv": (draft) => compile(draft, { autoloadDotenv: false }),
  "--compile-autoload-bunfig": (draft) => compile(draft, { autoloadBunfig: true }),
  "--no-compile-autoload-bunfig": (draft) => compile(draft, { autoloadBunfig: false }),
  "--compile-autoload-tsconfig": (draft) => compile(draft, { autoloadTsconfig: true }),
  "--no-compile-autoload-tsconfig": (draft) => compile(draft, { autoloadTsconfig: false }),
  "--compile-autoload-package-json": (draft) => compile(draft, { autoloadPackageJson: true }),
  "--no-compile-autoload-package-json": (draft) => compile(draft, { autoloadPackageJson: false }),
  "--asset": (draft, value) => compile(draft, { assets: [...(draft.compile.assets ?? []), value] }),
  "--metafile": () => ({ metafile: true }),
  "--no-clear-screen": () => ({}),
  "--target": () => ({}),
};

/** An option of bun build from the command line, and its value, if it has one. */
export type Option = readonly [name: string, value?: string];

/**
 * Returns the options that make Bun.build do what `bun build --compile` does with these. `bunfig` is the folder's
 * bunfig.toml; the bundler applies its "define" and "loader".
 * @throws UserError for an option that Bun.build lacks.
 */
export function buildConfig(
  entrypoints: readonly string[],
  options: readonly Option[],
  target: string,
  outfile: string,
  bunfig: object = {},
): Config {
  let draft: Draft = {
    entrypoints: [...entrypoints],
    target: "bun",
    // Bun.build's own default for the parts of --splitting is another.
    naming: { chunk: "[name]-[hash].[ext]" },
    ...("define" in bunfig ? { define: strings(bunfig.define) } : {}),
    ...("loader" in bunfig ? { loader: strings(bunfig.loader) as Record<string, Bun.Loader> } : {}),
    compile: { target: target as Bun.Build.CompileTarget, outfile },
  };
  for (const [name, value = ""] of options) {
    const say = SAY[name];
    if (say === undefined)
      throw new UserError(
        `${name} works only with bun build, but the addons of this program need a plugin: leave it out, or link ` +
          "without answers to their loaders: --no-answers",
      );
    draft = { ...draft, ...say(draft, value) };
  }
  return draft;
}

/** The string members of a table. */
const strings = (table: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(typeof table === "object" && table !== null ? table : {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );
