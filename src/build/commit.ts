/** The commit checked out, or null in a tree without git. */
export const checkedOut = (): string | null => git("rev-parse", "HEAD")?.trim() ?? null;

/**
 * What differs from it, new files included, as paths below the repository: nothing in a tree that is the commit's; null
 * in a tree without git.
 */
export function changes(): readonly string[] | null {
  const lines = git("status", "--porcelain", "--no-renames", "-z");
  return (
    lines
      ?.split("\0")
      .filter((line) => line !== "")
      .map((line) => line.slice(3)) ?? null
  );
}

/** When the commit was made, in seconds; 0 where git does not know it. */
export const dateOf = (commit: string | null): number =>
  Number((commit === null ? null : git("log", "-1", "--format=%ct", commit)) ?? 0);

function git(...args: readonly string[]): string | null {
  try {
    const { success, stdout } = Bun.spawnSync(["git", ...args], { cwd: import.meta.dir, stderr: "ignore" });
    return success ? stdout.toString() : null;
  } catch {
    return null;
  }
}
