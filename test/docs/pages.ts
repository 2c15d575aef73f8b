import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

export const REPOSITORY = join(import.meta.dir, "../..");
export const read = (path: string) => readFileSync(join(REPOSITORY, path), "utf8");
export const exists = (path: string) => existsSync(join(REPOSITORY, path));

/** Every page of the documentation, by its path in the repository. */
export const PAGES: readonly string[] = ["*.md", "docs/**/*.md", "bench/*.md"]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(REPOSITORY)])
  .toSorted();

/** Those that a command writes whole. Their words are its. */
export const GENERATED = PAGES.filter((page) =>
  /^(bench\/REPORT|docs\/(addons|kernels|link-tables|map|hardening))\.md$/.test(page),
);

export const scripts: Readonly<Record<string, string>> = JSON.parse(read("package.json")).scripts;

/** A page without what stands between fences. */
export const prose = (markdown: string) => markdown.replace(/^```.*?^```$/gms, "");

/** All white space as one space, since a sentence goes over the ends of lines. */
export const flat = (text: string) => text.replace(/\s+/g, " ");

/** The targets of a page's links and pictures. */
export const linksIn = (markdown: string): readonly string[] =>
  [
    ...prose(markdown)
      .replace(/`[^`\n]*`/g, "")
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, target = ""]) => target);

export const isExternal = (target: string) => /^[a-z]+:/.test(target);

/** Where in the repository a link of `page` leads: a path, and the anchor in it. */
export function targetOf(page: string, link: string): { readonly path: string; readonly anchor: string } {
  const [path = "", anchor = ""] = link.split("#");
  return { path: path === "" ? page : normalize(join(dirname(page), path)), anchor };
}

/**
 * The anchors of a page's headings, as the usual code hosts make them: lower case, no punctuation, hyphens for spaces,
 * a number behind one that is there already.
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
