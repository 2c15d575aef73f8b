import type { Option } from "../addons/options.ts";
import type { Architecture } from "../arch/architecture.ts";
import { ARCHITECTURES } from "../arch/architectures.ts";
import { LinkError } from "./error.ts";
import { FLAG_OPTIONS, flagsHelp, flagsOf, type GivenFlags } from "./flags.ts";
import { libraryDirs } from "./libraries.ts";

/** The options of the command line. `bundler` is passed to bun build unchanged. */
export type Arguments = GivenFlags & {
  readonly inputs: readonly string[];
  readonly outfile: string | undefined;
  readonly target: string | undefined;
  readonly libraryDirs: readonly string[];
  readonly check: boolean;
  /** Whether to answer the loaders of native addons. */
  readonly answers: boolean;
  readonly bundler: readonly Option[];
};

const searched = (architecture: Architecture) =>
  `${" ".repeat(25)}${libraryDirs(architecture).join(", ")} (${architecture.name})`;

export const HELP = `Makes one static executable of a Bun program: no interpreter, no library to look for.

Usage: bun-static [options] ENTRY...      compiles TypeScript or JavaScript, and links it
       bun-static [options] EXECUTABLE    links what "bun build --compile" wrote for musl

Options:
  -o, --outfile FILE   where to write (default: ENTRY without its extension, or EXECUTABLE-static)
  --target TARGET      ${ARCHITECTURES.map(({ bunTarget }) => bunTarget).join(" or ")}, or one of these with
                       -baseline or -modern after it (default: this machine's)
  --check              run the result alone in an empty root, without arguments, and report whether it starts
  --library-dir DIR    look for libstdc++.so.6, libgcc_s.so.1 and musl's loader in DIR first (may be repeated); then in
${ARCHITECTURES.map(searched).join("\n")}
  --no-answers         let the loaders of native addons detect by themselves where they run
${flagsHelp(23).join("\n")}
  -h, --help           print this
  --version            print the version of this command and of the Bun it runs on

Every other option of bun build is passed on: --minify, --bytecode, --sourcemap, --define, --external ...
Three more, for a program that is PID 1 of a pod, are in docs/link.md.
`;

const SWITCHES: readonly string[] = ["check", "no-answers", ...FLAG_OPTIONS, "help", "version"];
const VALUED: readonly string[] = ["outfile", "target", "library-dir"];
const SHORT: ReadonlyMap<string, string> = new Map([
  ["-o", "outfile"],
  ["-h", "help"],
]);

/** Options of bun build that `bun build --help` leaves out (bun.com/docs/bundler), and whether they take a value. */
const UNLISTED: Readonly<Record<string, boolean>> = {
  "--define": true,
  "-d": true,
  "--drop": true,
  "--feature": true,
  "--loader": true,
  "-l": true,
  "--tsconfig-override": true,
  "--main-fields": true,
  "--extension-order": true,
  "--preserve-symlinks": false,
  "--no-macros": false,
  "--ignore-dce-annotations": false,
  "--jsx-factory": true,
  "--jsx-fragment": true,
  "--jsx-import-source": true,
  "--jsx-runtime": true,
  "--jsx-side-effects": false,
};

/** The options of bun build that would make something other than one executable. */
const NOT_HERE: Readonly<Record<string, string>> = {
  "--compile": "this command always does that",
  "--watch": "this command makes one file and exits",
  "--outdir": "the output is one file: -o FILE",
  "--no-bundle": "an executable holds a bundle",
  "--app": "an executable holds a bundle",
};

/** Splits the command line into our own options and the rest. "help" and "version" override all others. */
export function parseArguments(args: readonly string[], bundlerHelp: () => string): Arguments | "help" | "version" {
  const given = new Map<string, string[]>();
  const inputs: string[] = [];
  const bundler: Option[] = [];
  const queue = [...args];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--") {
      inputs.push(...queue.splice(0));
      continue;
    }
    if (!word.startsWith("-") || word === "-") {
      inputs.push(word);
      continue;
    }
    const { name, attached } = split(word);
    const own = SHORT.get(name) ?? [...SWITCHES, ...VALUED].find((option) => name === `--${option}`);
    const valued = own === undefined ? takesValue(name, word, bundlerHelp()) : VALUED.some((option) => option === own);
    if (attached !== undefined && own !== undefined && !valued)
      throw new LinkError(`${name} takes no value, found ${word}; see bun-static --help`);
    // bun build takes some of its options with or without a value: --sourcemap, --sourcemap=inline.
    const follows = valued && attached === undefined && !(own === undefined && OPTIONAL_VALUE.includes(name));
    const value = follows ? queue.shift() : attached;
    if ((follows && value === undefined) || (own !== undefined && value === ""))
      throw new LinkError(`${name} needs a value after it; see bun-static --help`);
    if (own !== undefined) given.set(own, [...(given.get(own) ?? []), value ?? ""]);
    else bundler.push(value === undefined ? [name] : [name, value]);
  }
  if (given.has("help")) return "help";
  if (given.has("version")) return "version";
  if (inputs.length === 0)
    throw new LinkError(
      "no input file: give a source file, or an executable that bun build --compile wrote; see bun-static --help",
    );
  return {
    inputs,
    outfile: given.get("outfile")?.at(-1),
    target: given.get("target")?.at(-1),
    libraryDirs: given.get("library-dir") ?? [],
    check: given.has("check"),
    ...flagsOf((option) => given.has(option)),
    answers: !given.has("no-answers"),
    bundler,
  };
}

/** The value may follow a = or, for an option of one letter, the letter: --define=A=1, -d=A=1, -dA=1. */
function split(word: string): { readonly name: string; readonly attached: string | undefined } {
  if (/^-[a-z]./i.test(word)) return { name: word.slice(0, 2), attached: word.slice(2).replace(/^=/, "") };
  const equals = word.indexOf("=");
  if (equals < 0) return { name: word, attached: undefined };
  return { name: word.slice(0, equals), attached: word.slice(equals + 1) };
}

/** Options that bun build also takes without a value; a value can only follow a =. */
const OPTIONAL_VALUE: readonly string[] = ["--sourcemap", "--metafile", "--metafile-md"];

/**
 * Whether bun build's option `name` takes a value.
 * @throws LinkError for an unknown option: Bun itself would ignore it.
 */
function takesValue(name: string, word: string, help: string): boolean {
  const why = NOT_HERE[name];
  if (why !== undefined) throw new LinkError(`${name} cannot be used here: ${why}`);
  const unlisted = UNLISTED[name];
  if (unlisted !== undefined) return unlisted;
  // A line of the help: "  -e, --external=<val>   Exclude ...".
  const listed = [...help.matchAll(/^\s+(?:(-\w), )?(--[\w-]+)(=<\w+>)?(?=\s|$)/gm)];
  const found = listed.find(([, short, long]) => name === short || name === long);
  if (found === undefined)
    throw new LinkError(`${word} is neither an option of this command nor of bun build; see bun-static --help`);
  return found[3] !== undefined;
}
