import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Architecture } from "../../arch/architecture.ts";
import { sha256 } from "../../support/hash.ts";
import { pinnedLibraries } from "./pin.ts";

/** Returns the libraries among `paths` that are not the release's. A build with them works, but makes other bytes. */
export function otherLibraries(architecture: Architecture, paths: readonly string[]): readonly string[] {
  const { sha256: pinned } = pinnedLibraries(architecture);
  return paths.filter((path) => pinned[basename(path)] !== sha256(readFileSync(path)));
}

/** Returns one line that names them, or undefined when there are none. */
export function describeOthers(architecture: Architecture, others: readonly string[]): string | undefined {
  if (others.length === 0) return undefined;
  const { packages } = pinnedLibraries(architecture);
  const named = `${others.join(", ")} ${others.length === 1 ? "is" : "are"}`;
  const pinned = `what src/build/pin/pin.json has (${packages.join(", ")})`;
  return `not the release's: ${named} not ${pinned}, so the bytes are not the release's either`;
}
