import { readFileSync, writeFileSync } from "node:fs";

/** What a command writes into a page stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`. */

/**
 * The page with `text` between the marks of this name instead of what is there.
 * @throws Error when it has no such marks.
 */
export function withMarked(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`the page has no ${begin} and ${end}`);
  return `${before}${begin}\n${text}\n${end}${after}`;
}

/** The same in the file at `path`. */
export function writeMarked(path: string, name: string, text: string): void {
  writeFileSync(path, withMarked(readFileSync(path, "utf8"), name, text));
}

/** What stands between the marks of this name, or nothing. */
export const marked = (page: string, name: string): string =>
  new RegExp(`<!-- ${name}:begin -->(.*?)<!-- ${name}:end -->`, "s").exec(page)?.[1] ?? "";

/** For what takes long, before it begins. @throws Error when the file at `path` has no marks of this name. */
export function requireMarks(path: string, name: string): void {
  withMarked(readFileSync(path, "utf8"), name, "");
}
