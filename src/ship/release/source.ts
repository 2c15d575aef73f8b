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
      "no git, or no commit, in this tree, so nothing says what the release would be of; " +
        "run it in a clone, with git installed",
    );
  if (changed.length === 0) return commit;
  throw new UserError(
    `not the commit's: ${listFirst(changed, NAMED)}; commit it, or put it away (git stash --include-untracked)`,
  );
}
