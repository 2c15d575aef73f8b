import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

export const REPOSITORY = join(import.meta.dir, "../..");
export const read = (path: string) => readFileSync(join(REPOSITORY, path), "utf8");
export const exists = (path: string) => existsSync(join(REPOSITORY, path));

/** Every page of the documentation, by path in the repository. */
export const PAGES: readonly string[] = ["*.md", "docs/**/*.md", "bench/*.md"]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(REPOSITORY)])
  .toSorted();

/** Pages that a command writes in full, including their words. */
export const GENERATED = PAGES.filter((page) =>
  /^(bench\/REPORT|docs\/(addons|kernels|link-tables|map|hardening))\.md$/.test(page),
);

export const scripts: Readonly<Record<string, string>> = JSON.parse(read("package.json")).scripts;

/** A page without its fenced blocks. */
export const prose = (markdown: string) => markdown.replace(/^```.*?^```$/gms, "");

/** Turns all white space into single spaces, because a sentence may continue on the next line. */
export const flat = (text: string) => text.replace(/\s+/g, " ");

/** The targets of a page's links and pictures. */
export const linksIn = (markdown: string): readonly string[] =>
  [
    ...prose(markdown)
      .replace(/`[^`\n]*`/g, "")
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, target = ""]) => target);

export const isExternal = (target: string) => /^[a-z]+:/.test(target);

/** The place in the repository that a link of `page` leads to: a path, and an anchor in it. */
export function targetOf(page: string, link: string): { readonly path: string; readonly anchor: string } {
  const [path = "", anchor = ""] = link.split("#");
  return { path: path === "" ? page : normalize(join(dirname(page), path)), anchor };
}

/**
 * The anchors of a page's headings, as the usual code hosts make them: lower case, no punctuation, hyphens for spaces,
 * and a number after a repeated one.
 */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of prose(markdown).matchAll(/^#+ (.*)$/gm)) {
    const words = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-");
    let anchor = words;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${words}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}
