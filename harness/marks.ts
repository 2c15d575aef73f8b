import { readFileSync, writeFileSync } from "node:fs";

/** A command writes its part of a page between `<!-- NAME:begin -->` and `<!-- NAME:end -->`. */

/**
 * Returns the page with `text` between the marks of this name.
 * @throws Error when the page has no such marks.
 */
export function withMarked(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`the page has no ${begin} and ${end}`);
  return `${before}${begin}\n${text}\n${end}${after}`;
}

/** Does the same in the file at `path`. */
export function writeMarked(path: string, name: string, text: string): void {
  writeFileSync(path, withMarked(readFileSync(path, "utf8"), name, text));
}

/** The text between the marks of this name, or an empty one. */
export const marked = (page: string, name: string): string =>
  new RegExp(`<!-- ${name}:begin -->(.*?)<!-- ${name}:end -->`, "s").exec(page)?.[1] ?? "";

/** Call this before slow work. @throws Error when the file at `path` has no marks of this name. */
export function requireMarks(path: string, name: string): void {
  withMarked(readFileSync(path, "utf8"), name, "");
}
