import {
  copyFileSync,
  existsSync,
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
import { needsPlugin } from "../addons/plugin.ts";
import { isVariant } from "../addons/variants.ts";
import type { Architecture } from "../arch/architecture.ts";
import { member, record } from "../support/json.ts";
import type { Scope } from "../support/scope.ts";
import { LinkError } from "./error.ts";

/** What bun build prints of its options. */
export function bundlerHelp(): string {
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "build", "--help"], {
    env: { ...process.env, NO_COLOR: "1" },
  });
  return `${stdout}${stderr}`;
}

/** What is compiled, and how. */
export type Bundle = {
  readonly entries: readonly string[];
  /** Where the linked file goes: the executable in between has its name, and source maps go to its folder. */
  readonly outfile: string;
  readonly architecture: Architecture;
  /** As bun build takes it. */
  readonly target: string;
  readonly options: readonly Option[];
  /** Whether the loaders of native addons are answered. */
  readonly answers: boolean;
};

/**
 * Compiles a program with the Bun that runs this into an executable for musl, and hands its path to `use`; afterwards
 * it is gone. `bun build` itself does it; where the program has native addons whose loaders need answers, Bun.build
 * then does it again with the plugin that gives them, since `bun build` takes no plugin.
 * @throws UserError when the bundler fails, which has said why on stderr; the reason of the abort.
 */
export async function compiled<T>(
  run: Scope,
  bundle: Bundle,
  use: (path: string, findings: readonly Finding[]) => Promise<T>,
): Promise<T> {
  await using own = run.nested();
  const folder = own.folder("bun-static-");
  const path = join(folder, basename(bundle.outfile));
  const inputs = join(own.folder("bun-static-"), "inputs.json");
  own.defer(removeUnfinished(new Set(unfinished())));
  const absent = await bundled(own, bundle, path, inputs);
  let findings: readonly Finding[] = [];
  if (bundle.answers && needsPlugin(inputsOf(inputs), bundle.architecture)) {
    const { entries, architecture, target } = bundle;
    const options = [...bundle.options, ...absent];
    const withAddons = await compileWithAddons(entries, options, architecture, target, path);
    own.signal.throwIfAborted();
    findings = withAddons.findings;
    if (withAddons.metafile !== undefined) writeFileSync(inputs, JSON.stringify(withAddons.metafile));
  }
  const result = await use(path, findings);
  for (const name of readdirSync(folder))
    if (name !== basename(path)) move(join(folder, name), join(dirname(bundle.outfile), name));
  const metafile = bundle.options.find(([name]) => name === "--metafile");
  if (metafile !== undefined) copyFileSync(inputs, metafile[1] || "meta.json");
  return result;
}

/**
 * Runs bun build, which also writes what went into the bundle to `inputs`. Where all that it cannot resolve are
 * variants of packages for other platforms, it is run again without these: the options that say so are returned.
 */
async function bundled(run: Scope, bundle: Bundle, path: string, inputs: string): Promise<readonly Option[]> {
  const { entries, options, target, answers } = bundle;
  const words = options.filter(([name]) => name !== "--metafile").flatMap(wordsOf);
  const command = ["build", "--compile", ...entries, ...words, `--metafile=${inputs}`, `--target=${target}`];
  const attempt = (absent: readonly Option[]) =>
    run.spawn([process.execPath, ...command, ...absent.flatMap(wordsOf), "--outfile", path], { stdout: "ignore" })
      .ended;
  const first = await attempt([]);
  const absent = first.status === 0 || !answers ? [] : absentVariants(first.stderr);
  const last = absent.length === 0 ? first : await attempt(absent);
  process.stderr.write(last.stderr);
  if (last.status === 0) return absent;
  throw new LinkError(`bun build --compile ended with ${last.status}; what it found stands above`);
}

/** Bun's error for a name that leads nowhere, and the line behind it with the file that has it. */
const UNRESOLVED = /^error: Could not resolve: "([^"]+)".*\n\s+at (.+):\d+:\d+$/gm;

/** As options that leave them out, what was not resolved; none where one of them is no variant for another platform. */
function absentVariants(stderr: string): readonly Option[] {
  const plain = Bun.stripANSI(stderr);
  const found = [...plain.matchAll(UNRESOLVED)];
  const all = found.length === [...plain.matchAll(/^error: /gm)].length;
  const variants = found.every(([, name = "", file = ""]) => isVariant(name, file));
  return all && variants ? found.map(([, name = ""]) => ["--external", name] as const) : [];
}

/** Bun takes the value of some of its options behind a = alone. */
const wordsOf = ([name, value]: Option): readonly string[] =>
  value === "" ? [name] : name.startsWith("--") ? [`${name}=${value}`] : [name, value];

/** The files that went into the bundle: the keys of "inputs" in what Bun wrote, relative to the working folder. */
const inputsOf = (metafile: string): readonly string[] =>
  Object.keys(record(member(JSON.parse(readFileSync(metafile, "utf8")), "inputs")))
    .map((path) => resolve(path))
    .filter((path) => existsSync(path));

/** What Bun's compiler writes to, in the working folder, until it is whole. */
const unfinished = () => readdirSync(".").filter((name) => /^\.[0-9a-f]+-[0-9a-f]+\.bun-build$/.test(name));

/** Removes those that are new and that no other process is writing to. */
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
      // It has ended meanwhile, or is another user's.
      return false;
    }
  });
}

/** Folders may be on different file systems. */
function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
