import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Clone } from "../../harness/clone.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "pause-commit-"));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

/** What the sources in `clone` report about their commit. */
function said(clone: Clone, env: Readonly<Record<string, string>> = {}) {
  const script = `const { checkedOut, changes, dateOf } = await import("./src/build/commit.ts");
    console.log(JSON.stringify({ commit: checkedOut(), changes: changes(), date: dateOf(checkedOut()) }))`;
  const { said, complaint } = clone.run([process.execPath, "-e", script], env);
  expect(complaint).toBe("");
  return JSON.parse(said);
}

describe("the checkout", () => {
  const clone = Clone.create(join(FOLDER, "clone"));
  const commit = clone.git("rev-parse", "HEAD");
  const date = Number(clone.git("log", "-1", "--format=%ct"));
  const clean = { commit, changes: [], date };

  test("has a commit, its date, and no changes in a clean tree", () => {
    expect(said(clone)).toEqual(clean);
  });

  test("has no commit in a tree without git, or on a machine without git", () => {
    const none = { commit: null, changes: null, date: 0 };
    expect(said(Clone.copy(join(FOLDER, "copy")))).toEqual(none);
    expect(said(clone, { PATH: "/nonexistent" })).toEqual(none);
  });

  test("has no commit in sources that were unpacked inside another repository", () => {
    const inside = Clone.copy(join(clone.folder, "dist", "unpacked"));
    expect(said(inside)).toEqual({ commit: null, changes: null, date: 0 });
  });

  test("has the sources' own commit even if the environment names another repository, as in a hook", () => {
    const other = Clone.create(join(FOLDER, "other"));
    const hook = {
      GIT_DIR: join(other.folder, ".git"),
      GIT_INDEX_FILE: join(other.folder, ".git/index"),
      GIT_WORK_TREE: other.folder,
    };
    expect(said(clone, hook)).toEqual(clean);
  });

  describe("has changes", () => {
    let dirty: Clone;
    beforeAll(() => {
      dirty = clone.clone(join(FOLDER, "dirty"));
      writeFileSync(join(dirty.folder, "src/new.ts"), "");
      appendFileSync(join(dirty.folder, "src/demo.ts"), "\n");
      rmSync(join(dirty.folder, "src/pause/signals.ts"));
    });
    const expected = ["src/demo.ts", "src/new.ts", "src/pause/signals.ts"];

    test("of every kind: changed, new, deleted", () => {
      expect(said(dirty)).toEqual({ ...clean, changes: expected });
    });

    test("whatever the settings hide", () => {
      dirty.git("config", "status.showUntrackedFiles", "no");
      dirty.git("config", "core.ignoreStat", "true");
      dirty.git("config", "log.showSignature", "true");
      const everything = join(FOLDER, "everything");
      writeFileSync(everything, "*\n");
      dirty.git("config", "core.excludesFile", everything);
      writeFileSync(join(dirty.folder, ".git/info/exclude"), "*\n");
      expect(dirty.git("status", "--porcelain")).not.toContain("new.ts");
      expect(said(dirty)).toEqual({ ...clean, changes: expected });
    });

    test("whatever the index hides", () => {
      dirty.git("update-index", "--assume-unchanged", "src/demo.ts");
      dirty.git("update-index", "--skip-worktree", "src/pause/signals.ts");
      expect(dirty.git("status", "--porcelain")).toBe("");
      expect(said(dirty)).toEqual({ ...clean, changes: expected });
      dirty.git("add", "--force", "src/new.ts");
      expect(said(dirty)).toEqual({ ...clean, changes: expected });
    });

    test("that a folder's own .gitignore hides", () => {
      mkdirSync(join(dirty.folder, "src/hidden"));
      writeFileSync(join(dirty.folder, "src/hidden/.gitignore"), "*\n");
      writeFileSync(join(dirty.folder, "src/hidden/more.ts"), "");
      expect(said(dirty).changes).toEqual([...expected, "src/hidden/.gitignore", "src/hidden/more.ts"].toSorted());
      rmSync(join(dirty.folder, "src/hidden"), { recursive: true });
    });

    test("against the commit itself, not against a replacement (git replace)", () => {
      dirty.git("add", "--all");
      dirty.git("commit", "--quiet", "--all", "--message", "Second");
      const second = dirty.git("rev-parse", "HEAD");
      dirty.git("checkout", "--quiet", "--force", commit);
      dirty.git("replace", commit, second);
      writeFileSync(join(dirty.folder, "src/new.ts"), "");
      expect(said(dirty)).toMatchObject({ commit, changes: expect.arrayContaining(["src/new.ts"]) });
      dirty.git("replace", "--delete", commit);
      rmSync(join(dirty.folder, "src/new.ts"));
    });

    test("but not if only a file's date or mode differs", () => {
      const other = clone.clone(join(FOLDER, "touched"));
      const path = join(other.folder, "src/demo.ts");
      writeFileSync(path, readFileSync(path));
      chmodSync(path, 0o755);
      expect(said(other)).toEqual(clean);
    });

    test("if a line end differs from the commit's", () => {
      const other = clone.clone(join(FOLDER, "lines"));
      other.git("config", "core.autocrlf", "true");
      const path = join(other.folder, "src/demo.ts");
      writeFileSync(path, readFileSync(path, "utf8").replaceAll("\n", "\r\n"));
      expect(said(other).changes).toEqual(["src/demo.ts"]);
    });
  });
});
