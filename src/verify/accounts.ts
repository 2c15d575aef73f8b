import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { list, member, parseJson, record, ShapeError, text } from "../json.ts";
import { sha256 } from "../runtime.ts";
import { PROVENANCE } from "../stages.ts";
import { VerifyError } from "./error.ts";
import type { Given } from "./given.ts";

/**
 * What is said of a file, and by what: the commit it is of, or null where there was none; whether it was made from other sources
 * than that commit's; SHA-256 of Bun's runtime and, by their names, of the libraries in it. Undefined: nothing is said of that.
 */
export type Account = {
  readonly source: string;
  readonly commit: string | null;
  readonly changed?: boolean;
  readonly runtime?: string;
  readonly libraries?: ReadonlyMap<string, string>;
};

/** What provenance.json tells, and of which files: their SHA-256. `others`: the libraries that were not the pinned ones, by their paths. */
export type Provenance = Required<Account> & { readonly architecture: string; readonly artifacts: readonly string[]; readonly others: readonly string[] };

/** All that is said of `given`, which was read from `path`. `unused`: why a provenance.json beside it tells nothing of it. */
export function accountsOf(path: string, { architecture, bytes, label }: Given): { readonly accounts: readonly Account[]; readonly unused: string | undefined } {
  const labelled = label === undefined ? [] : [{ source: "the image's label org.opencontainers.image.revision", commit: label }];
  const beside = join(dirname(path), PROVENANCE);
  if (!existsSync(beside)) return { accounts: labelled, unused: undefined };
  try {
    const provenance = readProvenance(beside);
    if (provenance.artifacts.includes(sha256(bytes))) return { accounts: [...labelled, provenance], unused: undefined };
    // Beside an archive it may be that of the other platform's file.
    return { accounts: labelled, unused: provenance.architecture === architecture.debian ? `${beside} is of another file: none that it tells of has this SHA-256` : undefined };
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    return { accounts: labelled, unused: error.message };
  }
}

/** Reads what the build writes down. @throws VerifyError when it cannot be read. */
export function readProvenance(path: string): Provenance {
  try {
    const { commit, changed, architecture, bun, libraries, artifacts } = record(parseJson(readFileSync(path)));
    const parts = list(libraries).map((library) => ({ path: text(member(library, "path")), sha256: text(member(library, "sha256")), pinned: member(library, "pinned") === true }));
    return {
      source: path,
      commit: commit === null ? null : text(commit),
      changed: changed === true,
      architecture: text(architecture),
      runtime: text(member(member(bun, "runtime"), "sha256")),
      libraries: new Map(parts.map((library) => [basename(library.path), library.sha256])),
      artifacts: list(artifacts).map((artifact) => text(member(artifact, "sha256"))),
      others: parts.filter(({ pinned }) => !pinned).map((library) => library.path),
    };
  } catch (error) {
    if (!(error instanceof ShapeError) && !(error instanceof Error && "code" in error)) throw error;
    throw new VerifyError(`${path}: cannot be read as what a build writes down: ${error.message}`);
  }
}
