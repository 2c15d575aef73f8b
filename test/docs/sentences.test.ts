import { describe, expect, test } from "bun:test";
import { GENERATED, PAGES, prose, read } from "./pages.ts";

/** The most words of a sentence, or of a part of it up to a semicolon. */
const MOST_WORDS = 30;

/** The paragraphs and list items of a page, each on one line, without what a command writes between marks. */
const blocksOf = (markdown: string): readonly string[] =>
  prose(markdown)
    .replace(/^<!-- \S+:begin -->$.*?^<!-- \S+:end -->$/gms, "")
    .replace(/^(#.*|\|.*\|)$/gm, "")
    .replace(/^\s*([-*]|\d+\.) /gm, "\n\n")
    .split(/\n{2,}/)
    .map((block) => block.replace(/\s+/g, " ").trim());

/** Code counts as one word, and a link as its text. */
const sentencesOf = (block: string): readonly string[] =>
  block
    .replace(/`[^`]*`/g, "CODE")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .split(/(?<=[.!?][)"*]*)\s+(?=[("*]*[A-Z0-9])|; /);

const wordsIn = (sentence: string): number => sentence.split(" ").filter((word) => /[\p{L}\p{N}]/u.test(word)).length;

describe("no sentence is longer than a reader can hold", () => {
  test.each(PAGES.filter((page) => !GENERATED.includes(page)))("%s", (page) => {
    const sentences = blocksOf(read(page)).flatMap(sentencesOf);
    expect(sentences.filter((sentence) => wordsIn(sentence) > MOST_WORDS)).toEqual([]);
  });
});
