import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Finding } from "../addons/api.ts";
import { compileWithAddons } from "../addons/compile.ts";
import type { Option } from "../addons/options.ts";
import { isAbsent, isHelper, needsPlugin } from "../addons/plugin.ts";
import { isVariant } from "../addons/variants.ts";
import type { Architecture } from "../arch/architecture.ts";
import { member, record } from "../support/json.ts";
import type { Scope } from "../support/scope.ts";
import { LinkError } from "./error.ts";
import { isSameFile, reason } from "./file.ts";

/** Returns the help of bun build, which lists its options. */
export function bundlerHelp(): string {
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "build", "--help"], {
    env: { ...process.env, NO_COLOR: "1" },
  });
  return `${stdout}${stderr}`;
}

/** What to compile, and how. */
export type Bundle = {
  readonly entries: readonly string[];
  /** The linked file. The intermediate executable has the same name, and source maps go to the same folder. */
  readonly outfile: string;
  readonly architecture: Architecture;
  /** In the form that bun build takes. */
  readonly target: string;
  readonly options: readonly Option[];
  /** Whether to answer the loaders of native addons. */
  readonly answers: boolean;
};

/**
 * Compiles a program into an executable for musl with the Bun that runs this, passes its path to `use`, then removes
 * it. `bun build` itself compiles it. If loaders of native addons need answers, Bun.build compiles it again with the
 * plugin that gives them, because `bun build` takes no plugin.
 * @throws UserError when the bundler fails, which has said why on stderr; the reason of the abort.
 */
export async function compiled<T>(
  run: Scope,
  bundle: Bundle,
  use: (path: string, findings: readonly Finding[]) => Promise<T>,
): Promise<T> {
  requireWorkingFolder();
  await using own = run.nested();
  const folder = own.folder("bun-static-");
  const path = join(folder, basename(bundle.outfile));
  const inputs = join(own.folder("bun-static-"), "inputs.json");
  own.defer(removeUnfinished(new Set(unfinished())));
  const { absent, complete } = await bundled(own, bundle, path, inputs);
  let findings: readonly Finding[] = [];
  if (bundle.answers && (!complete || needsPlugin(inputsOf(inputs), bundle.architecture))) {
    const { entries, architecture, target } = bundle;
    const options = [...bundle.options, ...absent];
    const withAddons = await compileWithAddons(entries, options, architecture, target, path);
    own.signal.throwIfAborted();
    findings = withAddons.findings;
    writeFileSync(inputs, JSON.stringify(withAddons.metafile));
  }
  const metafile = metafileOf(bundle);
  keepSources([bundle.outfile, ...(metafile === undefined ? [] : [metafile])], inputsOf(inputs));
  if (metafile !== undefined) move(inputs, metafile);
  const result = await use(path, findings);
  for (const name of readdirSync(folder))
    if (name !== basename(path)) move(join(folder, name), join(dirname(bundle.outfile), name));
  return result;
}

/** Bun's compiler writes into the folder in which it runs, and says "Failed to download" where it cannot. */
function requireWorkingFolder(): void {
  try {
    accessSync(".", constants.R_OK | constants.W_OK | constants.X_OK);
    readdirSync(".");
  } catch (error) {
    throw new LinkError(
      `cannot write to the working folder (${reason(error)}), where bun build makes the executable: run ` +
        "bun-static in a folder that you can write to, and name the sources by their paths",
    );
  }
}

/** Where --metafile writes to; undefined unless given. */
function metafileOf({ options }: Bundle): string | undefined {
  const found = options.findLast(([name]) => name === "--metafile");
  return found === undefined ? undefined : found[1] || "meta.json";
}

/** @throws LinkError when one of the outputs is a file of the bundle, by whatever name, or both are one. */
function keepSources(outputs: readonly string[], sources: readonly string[]): void {
  for (const output of outputs)
    if (sources.some((source) => isSameFile(source, output)))
      throw new LinkError(`${output} is a source of the program itself; name another output`);
  const [outfile = "", metafile] = outputs.map((output) => resolve(output));
  if (outfile === metafile) throw new LinkError(`${outfile} is the output and the metafile; name another one`);
}

/** The variants that were left out, and whether there is an executable: if not, the plugin has to make it. */
type Built = { readonly absent: readonly Option[]; readonly complete: boolean };

/**
 * Runs bun build, which also writes to `inputs` what went into the bundle. If the only unresolved names are variants of
 * packages for other platforms, and addons that packages lack, leaves them out.
 */
async function bundled(run: Scope, bundle: Bundle, path: string, inputs: string): Promise<Built> {
  const { entries, options, target, answers } = bundle;
  const words = options.filter(([name]) => name !== "--metafile").flatMap(wordsOf);
  // Bun knows no -- before files.
  const files = entries.map((entry) => (entry.startsWith("-") ? `./${entry}` : entry));
  const command = ["build", "--compile", ...files, ...words, `--metafile=${inputs}`, `--target=${target}`];
  const attempt = (absent: readonly Option[]) =>
    run.spawn([process.execPath, ...command, ...absent.flatMap(wordsOf), "--outfile", path], { stdout: "ignore" })
      .ended;
  const first = await attempt([]);
  const left = first.status === 0 || !answers ? undefined : leftOut(first.stderr);
  if (left?.complete === false) return left;
  const last = left === undefined ? first : await attempt(left.absent);
  process.stderr.write(last.stderr);
  if (last.status === 0) return left ?? { absent: [], complete: true };
  throw new LinkError(`bun build --compile exited with ${last.status}; see its output above`);
}

/** Bun's error for an unresolved name, and the next line with the file that imports it. */
const UNRESOLVED = /^error: Could not resolve: "([^"]+)".*\n\s+at (.+):\d+:\d+$/gm;

/** What to leave out; undefined if Bun said anything else, or a name is neither a variant nor an addon. */
function leftOut(stderr: string): Built | undefined {
  const plain = Bun.stripANSI(stderr);
  const found = [...plain.matchAll(UNRESOLVED)].map(([, name = "", file = ""]) => ({ name, file }));
  if (found.length !== [...plain.matchAll(/^error: /gm)].length) return undefined;
  const variants = found.filter(({ name, file }) => isVariant(name, file));
  const others = found.filter((one) => !variants.includes(one));
  if (!others.every(({ name, file }) => isAbsent(name, file) || isHelper(file))) return undefined;
  return { absent: variants.map(({ name }) => ["--external", name] as const), complete: others.length === 0 };
}

/** Bun takes the value of some of its options only after a =. */
const wordsOf = ([name, value]: Option): readonly string[] =>
  value === undefined ? [name] : name.startsWith("--") ? [`${name}=${value}`] : [name, value];

/** The bundled files: the keys of "inputs" in Bun's metafile, relative to the working folder. */
const inputsOf = (metafile: string): readonly string[] =>
  Object.keys(record(member(JSON.parse(readFileSync(metafile, "utf8")), "inputs")))
    .map((path) => resolve(path))
    .filter((path) => existsSync(path));

/** The files in the working folder that Bun's compiler writes to until they are complete. */
const unfinished = () => readdirSync(".").filter((name) => /^\.[0-9a-f]+-[0-9a-f]+\.bun-build$/.test(name));

/** Removes the new ones that no other process is writing to. */
function removeUnfinished(before: ReadonlySet<string>): () => void {
  return () => {
    for (const name of unfinished())
      if (!before.has(name) && !openElsewhere(resolve(name))) rmSync(name, { force: true });
  };
}

/** Whether another process has the file open, by /proc/PID/fd (proc(5)). */
function openElsewhere(path: string): boolean {
  const others = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return others.some((pid) => {
    try {
      const folder = `/proc/${pid}/fd`;
      return readdirSync(folder).some((descriptor) => readlinkSync(join(folder, descriptor)) === path);
    } catch {
      // The process has ended meanwhile, or belongs to another user.
      return false;
    }
  });
}

/** The folders may be on different file systems. @throws LinkError when `to` cannot be written. */
function move(from: string, to: string): void {
  try {
    mkdirSync(dirname(to), { recursive: true });
    try {
      renameSync(from, to);
    } catch {
      copyFileSync(from, to);
    }
  } catch (error) {
    throw new LinkError(`${to}: cannot be written (${reason(error)}); choose a place that you can write to`);
  }
}
