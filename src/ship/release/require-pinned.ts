import { basename } from "node:path";
import { pinnedLibraries } from "../../build/pin/pin.ts";
import { describeOthers, otherLibraries } from "../../build/pin/pinned-libraries.ts";
import type { Materials } from "../../build/stages.ts";
import { findLibrary } from "../../link/libraries.ts";
import { UserError } from "../../support/error.ts";

/**
 * @throws UserError when the build would link a library that is not the pinned one; LinkError when one is missing.
 * Gather has already refused any runtime but the pinned one.
 */
export function requirePinned({ architecture, libraryDirs, archive }: Materials): void {
  // musl's archive is not a library that a program loads; the materials say where it is.
  const paths = Object.keys(pinnedLibraries(architecture).sha256).map((name) =>
    name === basename(archive) ? archive : findLibrary(name, libraryDirs(architecture), architecture).path,
  );
  const others = describeOthers(architecture, otherLibraries(architecture, paths));
  if (others !== undefined)
    throw new UserError(`${others}; install these versions, or move to others with: bun run pin`);
}
