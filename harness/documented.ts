import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Reads the commands in the documentation, so that the tests run what its readers run: changing a page changes the
 * test.
 */
const REPOSITORY = join(import.meta.dir, "..");

/** A fenced block of a page: the word after the opening fence, its section, and its text. */
export type Block = { readonly language: string; readonly heading: string; readonly text: string };

/** The fenced blocks of a page, in order. `heading` is the nearest one above, of any level. */
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

/** The commands of a shell block, without trailing comments. `&&` separates commands. */
export const commandsIn = ({ text }: Block): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.replace(/(^|\s+)# .*$/, "").trim())
    .filter((line) => line !== "")
    .flatMap((line) => line.split(" && "));

const page = (path: string) => blocksOf(readFileSync(join(REPOSITORY, path), "utf8"));

/**
 * The only command in the shell blocks of `path` that begins with `beginning`, in full.
 * @throws Error when there is none or more than one.
 */
export function documentedCommand(path: string, beginning: string): string {
  const found = page(path)
    .filter(({ language }) => language === "sh")
    .flatMap(commandsIn)
    .filter((command) => command.startsWith(beginning));
  const [only, another] = [...new Set(found)];
  if (only === undefined || another !== undefined)
    throw new Error(
      `${path} has ${found.length} commands that begin with ${JSON.stringify(beginning)}, but a test runs exactly one: ` +
        "change the test with the page",
    );
  return only;
}

/** The lines of each block of one language in the section with this heading. @throws Error when there is none. */
export function documentedBlocks(path: string, heading: string, language: string): readonly (readonly string[])[] {
  const found = page(path).filter((block) => block.heading === heading && block.language === language);
  if (found.length === 0)
    throw new Error(
      `${path} has no ${language} block below ${JSON.stringify(heading)}, but a test uses it: ` +
        "change the test with the page",
    );
  return found.map(({ text }) => text.split("\n"));
}
