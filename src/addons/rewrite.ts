import { PROCESS } from "./modules.ts";

/** The name that stands in a rewritten file for what `modules.ts` puts beside it. */
const NAME = "__bunStatic";

/** Words by which a file asks which C library the program runs on. */
const ASKS = /\/usr\/bin\/ldd|\/etc\/alpine-release|glibcVersionRuntime|glibcVersion\b|\bldd --version/;
/** Names that loaders, and bundlers for them, give to require. */
const REQUIRE =
  /(?<![\w$.]|function )(require|__require|_require|nodeRequire|runtimeRequire|cjsRequire|customRequire)\((?!\s*\))/g;
/** A file of ES modules whose require is not the one that the bundler follows. */
const OWN_REQUIRE = /\b(?:const|let|var)\s+require\s*=[^;\n]*createRequire\w*\)?\(/;
const ES_MODULE = /^\s*(?:import\b(?!\s*\()|export\b)/m;

export type Loader = {
  /** The specifier of the module with the answers. */
  readonly answers: string;
  /** Names of packages that are looked up there. */
  readonly names: readonly string[];
  /** Are there files to look up by a path? */
  readonly files: boolean;
};

/** Does it load modules by a name that is made at run time, or look for them on disk? */
export const loadsByName = (text: string): boolean =>
  rewriteRequires(text, { answers: "", names: [], files: true }) !== text;

/**
 * The text of a loader with its questions answered: what it reads of the system, and what it requires by a name that it
 * makes at run time. Lines stay where they are. Undefined where there is nothing to answer.
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

/** On the first line, behind a directive and what an interpreter is named by, so that no line moves. */
function withPreamble(text: string, answers: string): string {
  const declaration = ES_MODULE.test(text)
    ? `import ${NAME} from ${JSON.stringify(answers)};`
    : `const ${NAME} = require(${JSON.stringify(answers)});`;
  const before =
    /^(?:#![^\n]*\n)?(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:(["'])use strict\1;?)/.exec(text)?.[0] ??
    /^(?:#![^\n]*\n)?/.exec(text)?.[0] ??
    "";
  return `${before}${declaration}${text.slice(before.length)}`;
}
