import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What the documentation tells its readers to run, so that the tests run that: a change in a page is a change in what
 * is run.
 */
const REPOSITORY = join(import.meta.dir, "..");

/** A block of a page between fences: the word behind the opening one, the section it is in, and its text. */
export type Block = { readonly language: string; readonly heading: string; readonly text: string };

/** The fenced blocks of a page, in their order; `heading` is that of the section of whatever level they stand in. */
export function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  let heading = "";
  let open: { language: string; lines: string[] } | undefined;
  for (const line of markdown.split("\n")) {
    const fence = /^```(\S*)$/.exec(line);
    if (fence !== null && open === undefined) open = { language: fence[1] ?? "", lines: [] };
    else if (fence !== null && open !== undefined) {
      blocks.push({ language: open.language, heading, text: open.lines.join("\n") });
      open = undefined;
    } else if (open !== undefined) open.lines.push(line);
    else heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
  }
  return blocks;
}

/** Does a shell block's first line say that no test runs it, and why? */
export const isMarked = ({ text }: Block) => /^# not run by the tests: \S/.test(text);

/** The commands of a shell block, each without the comment behind it; what `&&` joins are several. */
export const commandsIn = ({ text }: Block): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.replace(/(^|\s+)# .*$/, "").trim())
    .filter((line) => line !== "")
    .flatMap((line) => line.split(" && "));

const page = (path: string) => blocksOf(readFileSync(join(REPOSITORY, path), "utf8"));

/**
 * The one command of `path`'s shell blocks that begins with `beginning`, whole.
 * @throws Error where there is none, or there are several.
 */
export function documentedCommand(path: string, beginning: string): string {
  const found = page(path)
    .filter(({ language }) => language === "sh")
    .flatMap(commandsIn)
    .filter((command) => command.startsWith(beginning));
  const [only, another] = [...new Set(found)];
  if (only === undefined || another !== undefined)
    throw new Error(
      `${path} has ${found.length} commands that begin with ${JSON.stringify(beginning)}, and a test runs one: ` +
        "change the test with the page",
    );
  return only;
}

/** The blocks of one language in the section of this heading, each as its lines. @throws Error where there is none. */
export function documentedBlocks(path: string, heading: string, language: string): readonly (readonly string[])[] {
  const found = page(path).filter((block) => block.heading === heading && block.language === language);
  if (found.length === 0)
    throw new Error(
      `${path} has no ${language} block below ${JSON.stringify(heading)}, and a test uses it: ` +
        "change the test with the page",
    );
  return found.map(({ text }) => text.split("\n"));
}
