import { existsSync, lstatSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/project.ts";

/**
 * The commit checked out, or null where git knows none: in a tree without git, and in one that lies within another
 * repository's, whose commit says nothing of it.
 */
export function checkedOut(): string | null {
  const top = git("rev-parse", "--show-toplevel");
  if (top === null || realpathSync(top.trimEnd()) !== realpathSync(ROOT)) return null;
  return git("rev-parse", "--verify", "HEAD^{commit}")?.trim() ?? null;
}

/**
 * What differs from it, new files included, as paths below the repository: nothing in a tree that is the commit's; null
 * where there is no commit. Every file's bytes are compared here, since git heeds what its settings and its index say:
 * status.showUntrackedFiles, core.excludesFile, info/exclude, assume-unchanged and skip-worktree hide changes.
 */
export function changes(): readonly string[] | null {
  const commit = checkedOut();
  const tree = commit === null ? null : git("ls-tree", "-r", "-z", "--full-tree", commit);
  // The commit's own list of what is built and downloaded, and no other.
  const ignored = existsSync(join(ROOT, ".gitignore")) ? ["--exclude-from=.gitignore"] : [];
  const files = git("ls-files", "-z", "--cached", "--others", ...ignored);
  if (tree === null || files === null) return null;
  const committed = new Map(split(tree).map(entryOf));
  const changed = [...committed].filter(([path, object]) => hashOf(path, object.length) !== object);
  const added = split(files).filter((path) => !committed.has(path));
  return [...new Set([...changed.map(([path]) => path), ...added])].toSorted();
}

/** When the commit was made, in seconds; 0 where git does not know it. */
export function dateOf(commit: string | null): number {
  const [, seconds] =
    /^committer .* (\d+) [+-]\d{4}$/m.exec(commit === null ? "" : (git("cat-file", "commit", commit) ?? "")) ?? [];
  return Number(seconds ?? 0);
}

const split = (text: string): readonly string[] => text.split("\0").filter((each) => each !== "");

/** A line of git-ls-tree(1), "MODE TYPE OBJECT\tPATH": the path and the object's name. */
function entryOf(line: string): readonly [path: string, object: string] {
  const [about = "", path = ""] = line.split(/\t(.*)/s);
  return [path, about.split(" ")[2] ?? ""];
}

/** The name git would give to what stands at `path`, of as many hexadecimal digits; undefined for what is no file. */
function hashOf(path: string, digits: number): string | undefined {
  const at = join(ROOT, path);
  const status = lstatSync(at, { throwIfNoEntry: false });
  if (!status?.isFile() && !status?.isSymbolicLink()) return undefined;
  const bytes = status.isFile() ? readFileSync(at) : Buffer.from(readlinkSync(at));
  const hasher = new Bun.CryptoHasher(digits === 40 ? "sha1" : "sha256");
  return hasher.update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** Where the repository is, is ROOT's matter alone: a hook of another one names that in the environment. */
const ELSEWHERE =
  /^GIT_(DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|NAMESPACE|ALTERNATE_.*|PREFIX|.*_PATHSPECS)$/;

function git(...args: readonly string[]): string | null {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ELSEWHERE.test(name)));
  try {
    // An object that stands in for another has not the name that it is asked for by.
    const command = ["git", "--no-replace-objects", ...args];
    const { success, stdout } = Bun.spawnSync(command, { cwd: ROOT, env, stderr: "ignore" });
    return success ? stdout.toString() : null;
  } catch {
    return null;
  }
}
