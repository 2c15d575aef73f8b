import { readFileSync } from "node:fs";
import { version } from "../package.json";
import { X86_64 } from "./arch/x86-64/architecture.ts";
import { pinnedRuntime } from "./pin.ts";
import { sha256 } from "./runtime.ts";
import type { SnapshotResult } from "./snapshot/snapshot.ts";

/** Writes what went into the artifacts, so that a file found on a node can be traced back: sizes in bytes, SHA-256 of each file. */
export async function writeProvenance(
  path: string,
  libraries: readonly string[],
  artifacts: readonly string[],
  { pages, segments, candidates }: SnapshotResult,
): Promise<{ bytes: number }> {
  const provenance = {
    name: "pause",
    version,
    commit: gitCommit(),
    bun: { version: Bun.version, runtime: { target: X86_64.bunTarget, sha256: pinnedRuntime(X86_64).sha256 } },
    libraries: libraries.map(describe),
    artifacts: artifacts.map(describe),
    snapshot: { pages, segments, candidates },
  };
  return { bytes: await Bun.write(path, `${JSON.stringify(provenance, null, 2)}\n`) };
}

function describe(path: string) {
  const bytes = readFileSync(path);
  return { path, bytes: bytes.length, sha256: sha256(bytes) };
}

/** The commit checked out, or null in a tree without git. */
function gitCommit(): string | null {
  try {
    const { success, stdout } = Bun.spawnSync(["git", "rev-parse", "HEAD"], { cwd: import.meta.dir, stderr: "ignore" });
    return success ? stdout.toString().trim() : null;
  } catch {
    return null;
  }
}
