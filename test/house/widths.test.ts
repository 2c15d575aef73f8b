import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const REPOSITORY = join(import.meta.dir, "../..");
const { lineWidth: WIDTH } = (await import("../../biome.jsonc")).default.formatter;

/** The formatter breaks code, but neither strings nor comments. */
test("no line of src/ is wider than the formatter's width, strings and comments included", () => {
  const files = [...new Bun.Glob("src/**/*.ts").scanSync(REPOSITORY)].toSorted();
  const wide = files.flatMap((file) =>
    readFileSync(join(REPOSITORY, file), "utf8")
      .split("\n")
      .flatMap((line, index) => ([...line].length > WIDTH ? [`${file}:${index + 1}: ${[...line].length}`] : [])),
  );
  expect(files.length).toBeGreaterThan(100);
  expect(wide, `lines of more than ${WIDTH} characters`).toEqual([]);
});
