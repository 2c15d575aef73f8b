import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/project.ts";

/**
 * The commit checked out, or null if git knows none: in a tree without git, or in one inside another repository, whose
 * commit says nothing about it.
 */
export function checkedOut(): string | null {
  const top = git("rev-parse", "--show-toplevel");
  if (top === null || realpathSync(top.trimEnd()) !== realpathSync(ROOT)) return null;
  return git("rev-parse", "--verify", "HEAD^{commit}")?.trim() ?? null;
}

/**
 * The paths, below the repository, that differ from the commit, new files included: none in a clean tree, null without
 * a commit. Compares every file's bytes here, because git's settings and index can hide changes:
 * status.showUntrackedFiles, core.excludesFile, info/exclude, assume-unchanged and skip-worktree.
 */
export function changes(): readonly string[] | null {
  const commit = checkedOut();
  const tree = commit === null ? null : git("ls-tree", "-r", "-z", "--full-tree", commit);
  // Ignore only what the commit itself lists as built and downloaded.
  const ignored = existsSync(join(ROOT, ".gitignore")) ? ["--exclude-from=.gitignore"] : [];
  const files = git("ls-files", "-z", "--cached", "--others", ...ignored);
  if (tree === null || files === null) return null;
  const committed = new Map(split(tree).map(entryOf));
  const changed = [...committed].filter(([path, object]) => hashOf(path, object.length) !== object);
  const added = split(files).filter((path) => !committed.has(path));
  return [...new Set([...changed.map(([path]) => path), ...added])].toSorted();
}

/** When the commit was made, in seconds; 0 if git does not know it. */
export function dateOf(commit: string | null): number {
  const [, seconds] =
    /^committer .* (\d+) [+-]\d{4}$/m.exec(commit === null ? "" : (git("cat-file", "commit", commit) ?? "")) ?? [];
  return Number(seconds ?? 0);
}

const split = (text: string): readonly string[] => text.split("\0").filter((each) => each !== "");

/** Parses a line of git-ls-tree(1), "MODE TYPE OBJECT\tPATH", into the path and the object's name. */
function entryOf(line: string): readonly [path: string, object: string] {
  const [about = "", path = ""] = line.split(/\t(.*)/s);
  return [path, about.split(" ")[2] ?? ""];
}

/** The name, `digits` hexadecimal digits long, that git would give the file at `path`; undefined for anything else. */
function hashOf(path: string, digits: number): string | undefined {
  const at = join(ROOT, path);
  const status = lstatSync(at, { throwIfNoEntry: false });
  if (!status?.isFile() && !status?.isSymbolicLink()) return undefined;
  const bytes = status.isFile() ? readFileSync(at) : Buffer.from(readlinkSync(at));
  const hasher = new Bun.CryptoHasher(digits === 40 ? "sha1" : "sha256");
  return hasher.update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** Only ROOT decides where the repository is: another repository's hook names its own in these variables. */
const ELSEWHERE =
  /^GIT_(DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|NAMESPACE|ALTERNATE_.*|PREFIX|.*_PATHSPECS)$/;

function git(...args: readonly string[]): string | null {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ELSEWHERE.test(name)));
  try {
    // A replacement object does not hash to the name that was asked for.
    const command = ["git", "--no-replace-objects", ...args];
    const { success, stdout } = Bun.spawnSync(command, { cwd: ROOT, env, stderr: "ignore" });
    return success ? stdout.toString() : null;
  } catch {
    return null;
  }
}
