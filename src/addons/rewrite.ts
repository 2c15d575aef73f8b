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
const ES_MODULE = /^\s*(?:import\b(?!\s*\()|export\b)/m;

export type Loader = {
  /** The specifier of the module with the answers. */
  readonly answers: string;
  /** The package names to look up there. */
  readonly names: readonly string[];
  /** Are there files to look up by path? */
  readonly files: boolean;
};

/** Does it load modules by a name made at run time, or look for them on disk? */
export const loadsByName = (text: string): boolean =>
  rewriteRequires(text, { answers: "", names: [], files: true }) !== text;

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

function rewriteRequires(text: string, { names, files }: Loader): string {
  if (names.length === 0 && !files) return text;
  const shadowed = OWN_REQUIRE.test(text);
  return text
    .replace(REQUIRE, (call: string, callee: string, at: number) => {
      const literal = /^\s*(["'`])([^"'`$\\\n]*)\1\s*\)/.exec(text.slice(at + call.length))?.[2];
      const seen = callee === "require" && !shadowed;
      if (literal !== undefined && (seen || !isNative(literal, names))) return call;
      return `${NAME}.require(${callee})(`;
    })
    .replace(/(?<![\w$.]|function )((?:[\w$]+\.)?existsSync)\(/g, `${NAME}.exists($1)(`);
}

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
