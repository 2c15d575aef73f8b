import { changes, checkedOut } from "../../build/commit.ts";
import { UserError } from "../../support/error.ts";
import { listFirst } from "../../support/list-first.ts";

/** The most paths that a message names. */
const NAMED = 3;

/**
 * Returns the commit of a release made here.
 * @throws UserError in a tree without git, and in one that differs from its commit.
 */
export function releasedCommit(): string {
  const [commit, changed] = [checkedOut(), changes()];
  if (commit === null || changed === null)
    throw new UserError(
      "this tree has no git or no commit, so nobody could tell what the release was built from; " +
        "run it in a clone, with git installed",
    );
  if (changed.length === 0) return commit;
  throw new UserError(
    `the tree differs from its commit: ${listFirst(changed, NAMED)}; commit this, or stash it ` +
      "(git stash --include-untracked)",
  );
}
