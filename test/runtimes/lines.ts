import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "./images.ts";

/** The lines of the blocks of one language below a heading of docs/runtimes.md, so that what a reader is told is what is run. */
export function documented(heading: string, language: string): readonly string[] {
  const text = readFileSync(join(REPOSITORY, "docs/runtimes.md"), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const lines = [...section.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].flatMap(([, block = ""]) => block.trim().split("\n"));
  if (lines.length === 0) throw new Error(`docs/runtimes.md has no ${language} lines under ${heading}`);
  return lines;
}
