import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { version } from "../../package.json";
import type { Architecture } from "../arch/architecture.ts";
import type { SnapshotResult } from "../snapshot/snapshot.ts";
import { sha256 } from "../support/hash.ts";
import { changes, checkedOut, dateOf } from "./commit.ts";
import { pinnedRuntime } from "./pin/pin.ts";

/**
 * Records what went into the artifacts, so that a file found on a node can be traced back: sizes in bytes, SHA-256 of
 * each file. `committed`: when the commit was made, in seconds. `changed`: the sources differed from the commit's; null
 * if no commit is known. `pinned`: the library is the release's. If one is not, neither are the artifacts' bytes.
 */
export async function writeProvenance(
  path: string,
  architecture: Architecture,
  { libraries, others }: { readonly libraries: readonly string[]; readonly others: readonly string[] },
  artifacts: readonly string[],
  { pages, segments, candidates }: SnapshotResult,
): Promise<{ bytes: number }> {
  const [commit, different] = [checkedOut(), changes()];
  const provenance = {
    name: "pause",
    version,
    commit,
    committed: commit === null ? null : dateOf(commit),
    changed: different === null ? null : different.length > 0,
    architecture: architecture.debian,
    bun: {
      version: Bun.version,
      runtime: { package: `@oven/${architecture.bunPackage}`, sha256: pinnedRuntime(architecture).sha256 },
    },
    libraries: libraries.map((library) => ({ ...describe(library), pinned: !others.includes(library) })),
    artifacts: artifacts.map((artifact) => ({ ...describe(artifact), path: basename(artifact) })),
    snapshot: { pages, segments, candidates },
  };
  return { bytes: await Bun.write(path, `${JSON.stringify(provenance, null, 2)}\n`) };
}

function describe(path: string) {
  const bytes = readFileSync(path);
  return { path, bytes: bytes.length, sha256: sha256(bytes) };
}
