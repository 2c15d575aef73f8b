import { describe, expect, test } from "bun:test";
import { anchorsOf, exists, flat, GENERATED, isExternal, linksIn, PAGES, prose, read, targetOf } from "./pages.ts";

/** The links out of the repository. The test does not fetch them: anyone who adds one has opened it. */
const EXTERNAL = ["https://bun.sh", "https://keepachangelog.com/en/1.1.0/", "https://semver.org/spec/v2.0.0.html"];

describe.each(PAGES)("%s", (page) => {
  const links = linksIn(read(page));

  test("each link leads to a file of the repository, and to a heading in it if it names one", () => {
    for (const link of links.filter((each) => !isExternal(each))) {
      const { path, anchor } = targetOf(page, link);
      expect(exists(path), `${page} links to ${link}: there is no ${path}`).toBe(true);
      if (anchor !== "")
        expect(anchorsOf(read(path)), `${page} links to ${link}: ${path} has no such heading`).toContain(anchor);
    }
  });

  test("each link out of the repository is one that was checked", () => {
    for (const link of links.filter(isExternal))
      expect(EXTERNAL, `${page} links to ${link}; look at it and add it to the list in this test`).toContain(link);
  });

  test("each path of the repository that it names exists", () => {
    for (const path of pathsIn(read(page)))
      expect(exists(path), `${page} names \`${path}\`, which is not in the repository`).toBe(true);
  });
});

test("links lead from README.md to every page", () => {
  const reached = new Set<string>();
  const follow = (page: string): void => {
    if (reached.has(page)) return;
    reached.add(page);
    if (!page.endsWith(".md")) return;
    for (const link of linksIn(read(page))) if (!isExternal(link)) follow(targetOf(page, link).path);
  };
  follow("README.md");
  expect(
    PAGES.filter((page) => !reached.has(page)),
    "no link leads there",
  ).toEqual([]);
  expect(reached).toContain("man/pause.8");
});

test("no sentence is in two places", () => {
  const places = new Map<string, string[]>();
  for (const page of PAGES.filter((each) => !GENERATED.includes(each))) {
    for (const sentence of sentencesOf(read(page))) places.set(sentence, [...(places.get(sentence) ?? []), page]);
  }
  const twice = [...places]
    .filter(([, pages]) => pages.length > 1)
    .map(([sentence, pages]) => `${pages.join(" and ")}: ${sentence}`);
  expect(places.size).toBeGreaterThan(300);
  expect(twice, "each fact has one home; let the other place link to it").toEqual([]);
});

/** Handwritten sentences and table cells of 60 characters and more, without emphasis and link targets. */
function sentencesOf(markdown: string): readonly string[] {
  const written = prose(markdown).replace(/<!-- \w+:begin -->.*?<!-- \w+:end -->/gs, "");
  const paragraphs = written.split(/\n\s*\n|^#.*$|^\s*(?:[-*]|\d+\.) |\|/m);
  const sentences = paragraphs.flatMap((paragraph) =>
    flat(paragraph)
      .replace(/\]\([^)]*\)/g, "]")
      .replace(/[*`[\]]/g, "")
      .split(/(?<=[.:;?!]) /),
  );
  return sentences.map((sentence) => sentence.trim()).filter((sentence) => sentence.length >= 60);
}

/**
 * The paths of this repository between backticks in a page: they begin with one of its folders, or are files of its
 * root.
 */
function pathsIn(markdown: string): readonly string[] {
  const named = [...prose(markdown).matchAll(/`([^`\s]+)`/g)].map(([, code = ""]) => code);
  const folder = /^(\.ci|\.github|bench|deploy|docs|man|src|test)\/[\w./-]*$/;
  const inRoot =
    /^(README|CONTRIBUTING|CHANGELOG)\.md$|^(LICENSE|NOTICE|Dockerfile|bun\.lock)$|^(package|tsconfig)\.json$/;
  return named.filter((path) => folder.test(path) || inRoot.test(path));
}
