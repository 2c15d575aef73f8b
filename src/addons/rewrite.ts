import { PROCESS } from "./modules.ts";

/** In a rewritten file, the name of what `modules.ts` provides. */
const NAME = "__bunStatic";

/** Words with which a file asks for the program's C library. */
const ASKS = /\/usr\/bin\/ldd|\/etc\/alpine-release|glibcVersionRuntime|glibcVersion\b|\bldd --version/;
/** Names for require in loaders, and in their bundled forms. */
const REQUIRE =
  /(?<![\w$.]|function )(require|__require|_require|nodeRequire|runtimeRequire|cjsRequire|customRequire)\((?!\s*\))/g;
/** An ES module that makes its own require, which the bundler does not follow. */
const OWN_REQUIRE = /\b(?:const|let|var)\s+require\s*=[^;\n]*createRequire\w*\)?\(/;
/** The same by another name, which its bundler chose. */
const MADE_REQUIRE = /([\w$]+)\s*=\s*[\w$.]*createRequire\w*\)?\(\s*import\.meta\.url\s*\)/g;
const ES_MODULE = /^\s*(?:import\b(?!\s*\()|export\b)/m;

export type Loader = {
  /** The specifier of the module with the answers. */
  readonly answers: string;
  /** The package names to look up there. */
  readonly names: readonly string[];
  /** Are there files to look up by path? */
  readonly files: boolean;
  /** Would the bundler find this specifier, from the loader? */
  readonly follows: (specifier: string) => boolean;
};

/** Does it load modules by a name made at run time, or look for them on disk? */
export const loadsByName = (text: string): boolean =>
  rewriteRequires(text, { answers: "", names: [], files: true, follows: () => false }) !== text;

/**
 * A loader's text with answers in place of what it reads from the system and of what it requires by names made at run
 * time. Lines stay in place. Undefined if there is nothing to answer.
 */
export function rewritten(text: string, loader: Loader): string | undefined {
  const changed = rewriteRequires(rewriteQuestions(text), loader);
  if (changed === text) return undefined;
  return withPreamble(changed, loader.answers);
}

function rewriteQuestions(text: string): string {
  if (!ASKS.test(text)) return text;
  return text
    .replace(/(["'`])\/usr\/bin\/ldd\1/g, `${NAME}.ldd`)
    .replace(/(["'`])\/etc\/alpine-release\1/g, `${NAME}.alpine`)
    .replace(/(?<![\w$.])process(?:\?\.|\.)report\b/g, `${NAME}.report`)
    .replace(/(\breport\b[^}\n]*\}\s*=\s*)process\b(?![.\w])/g, `$1${NAME}.process`)
    .replace(/((?:\bfrom\s*|\brequire\w*\(\s*))(["'])(?:node:)?process\2/g, `$1$2${PROCESS}$2`);
}

/** The names, other than "require", under which a module makes its own. */
export const madeRequires = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(MADE_REQUIRE)].map(([, name = ""]) => name).filter((name) => name !== "require")),
];

function rewriteRequires(text: string, { names, files, follows }: Loader): string {
  if (names.length === 0 && !files) return text;
  const shadowed = OWN_REQUIRE.test(text);
  return madeRequires(text)
    .reduce((changed, name) => rewriteMade(changed, name, names, follows), text)
    .replace(REQUIRE, (call: string, callee: string, at: number, all: string) => {
      const literal = literalAt(all, at + call.length);
      const seen = callee === "require" && !shadowed;
      if (literal !== undefined && (seen || !isNative(literal, names))) return call;
      return `${NAME}.require(${callee})(`;
    })
    .replace(/(?<![\w$.]|function )((?:[\w$]+\.)?existsSync)\(/g, `${NAME}.exists($1)(`);
}

/** Calls of a require that the module made: the bundler follows the files of the package by a plain one. */
function rewriteMade(
  text: string,
  name: string,
  names: readonly string[],
  follows: (specifier: string) => boolean,
): string {
  const calls = new RegExp(`(?<![\\w$.])${name.replaceAll("$", "\\$")}\\((?!\\s*\\))`, "g");
  return text.replace(calls, (call: string, at: number) => {
    const literal = literalAt(text, at + call.length);
    if (literal === undefined || isNative(literal, names)) return `${NAME}.require(${name})(`;
    return /^\.{1,2}\//.test(literal) && follows(literal) ? "require(" : call;
  });
}

/** The only argument of a call, if it is a literal that begins at `at`. */
const literalAt = (text: string, at: number): string | undefined =>
  /^\s*(["'`])([^"'`$\\\n]*)\1\s*\)/.exec(text.slice(at, at + LONGEST_LITERAL))?.[2];
const LONGEST_LITERAL = 1024;

const isNative = (specifier: string, names: readonly string[]): boolean =>
  specifier.endsWith(".node") || names.some((name) => specifier === name || specifier.startsWith(`${name}/`));

/** A #! line, then comments, then directives such as "use strict", which have to stay first. */
const BEFORE =
  /^(?:#![^\n]*\n)?(?:(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:"use [\w ]+"|'use [\w ]+')[ \t]*(?:;|(?=[\r\n])))*/;

/** On the first line, after a directive or a #! line, so that no line moves. */
function withPreamble(text: string, answers: string): string {
  const declaration = ES_MODULE.test(text)
    ? `import ${NAME} from ${JSON.stringify(answers)};`
    : `const ${NAME} = require(${JSON.stringify(answers)});`;
  const before = BEFORE.exec(text)?.[0] ?? "";
  const end = /["']\s*$/.test(before) ? ";" : "";
  return `${before}${end}${declaration}${text.slice(before.length)}`;
}
