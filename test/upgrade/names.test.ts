import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { program, testNeeding } from "../../harness/privilege.ts";
import { PINNED_BUN } from "../../src/build/pin/pin.ts";
import { isRecord, linesNaming, renameBun, renameWorks } from "../../src/build/upgrade/names.ts";

const REPOSITORY = join(import.meta.dir, "../..");

describe("moving to another Bun renames", () => {
  test.each([
    ["npx -y bun@7.4.5 run build", "npx -y bun@7.4.6 run build"],
    ["ARG BUN_IMAGE=oven/bun:7.4.5-debian", "ARG BUN_IMAGE=oven/bun:7.4.6-debian"],
    ['run "bun run pin 7.4.5", which', 'run "bun run pin 7.4.6", which'],
    ["any Debian with Bun 7.4.5 in it", "any Debian with Bun 7.4.6 in it"],
    ["It needs Bun 7.4.5.", "It needs Bun 7.4.6."],
    ['"@types/bun": "7.4.5",', '"@types/bun": "7.4.6",'],
    ['"bun": ">=7.4.5"', '"bun": ">=7.4.6"'],
  ])("%s", (old, renamed) => expect(renameBun(old, "7.4.5", "7.4.6")).toBe(renamed));

  test.each([
    "before 7.4.5 also for `localhost`",
    '  "7.4.5",',
    "bun@7.4.55",
    "bun@7.4.5.1",
    "bun@17.4.5",
    "bun@7x4x5",
  ])("not: %s", (text) => expect(renameBun(text, "7.4.5", "7.4.6")).toBe(text));

  test("each work's version in NOTICE", () => {
    const notice = "Bun 7.4.5\n  Licence: MIT\n\nlibgcc-s1 12\n\nlibgcc-s1x 12\nmusl 1.2.3-1\n  musl 1.2.3-1\n";
    expect(renameWorks(notice, { musl: "1.2.5-3", "libgcc-s1": "14$&" })).toBe(
      "Bun 7.4.5\n  Licence: MIT\n\nlibgcc-s1 14$&\n\nlibgcc-s1x 12\nmusl 1.2.5-3\n  musl 1.2.3-1\n",
    );
  });
});

testNeeding(program("git"))(
  "after a move, only records, histories and lists of what was tried name the old one",
  () => {
    const { stdout } = Bun.spawnSync(["git", "grep", "--files-with-matches", "-Fz", PINNED_BUN], { cwd: REPOSITORY });
    const files = stdout.toString().split("\0").filter(Boolean);
    const left = files
      .filter((path) => !isRecord(path))
      .filter((path) => {
        const text = readFileSync(join(REPOSITORY, path), "utf8");
        return linesNaming(renameBun(text, PINNED_BUN, "9.9.9"), PINNED_BUN).length > 0;
      });
    expect(files.length).toBeGreaterThan(10);
    // What was true before a version, and the lists of the Buns that the linker was tried with.
    const tried = ["docs/link.md", "test/fuzz/executables.hand.ts", "test/link/tables/versions.ts"];
    expect(left.filter((path) => !tried.includes(path))).toEqual([]);
  },
);

test("tells a line that names a version from one that names a longer version", () => {
  expect(linesNaming("a\n7.4.5\nv7.4.55\n17.4.5\n(7.4.5)\n7.4.5.", "7.4.5")).toEqual([2, 5, 6]);
});
