import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { PROVENANCE } from "../../build/stages.ts";
import { UserError } from "../../support/error.ts";
import { sha256 } from "../../support/hash.ts";
import { list, MOST_JSON_BYTES, member, parseJson, record, text } from "../../support/json.ts";
import { readRegular } from "../../support/read-regular.ts";
import { VerifyError } from "./error.ts";
import { readStatement } from "./statement.ts";
import type { Subject } from "./subject.ts";

/** The suffix of the statement about a release's executable. */
const STATEMENT = ".intoto.json";

/**
 * What a document says about a file: its commit, or null if there was none; whether its sources differed from that
 * commit's; SHA-256 of its Bun runtime and, by name, of its libraries. Undefined: the document does not say.
 */
export type Claim = {
  readonly source: string;
  readonly commit: string | null;
  readonly changed?: boolean;
  readonly runtime?: string;
  readonly libraries?: ReadonlyMap<string, string>;
};

/**
 * What provenance.json says, and the SHA-256 of the files that it is about. `others`: the paths of libraries that were
 * not the pinned ones.
 */
export type Provenance = Required<Claim> & {
  readonly architecture: string;
  readonly artifacts: readonly string[];
  readonly others: readonly string[];
};

/** What a document says, and the SHA-256 of the files that it is about. */
type Document = Claim & { readonly artifacts: readonly string[]; readonly architecture?: string };

/**
 * Collects all claims about `given`, read from `path`: by its image, by the provenance.json of a build, and by the
 * statement of a release. `unused`: why documents beside the file say nothing about it.
 */
export function claimsAbout(
  path: string,
  { architecture, bytes, label }: Subject,
): { readonly claims: readonly Claim[]; readonly unused: string | undefined } {
  const labelled =
    label === undefined ? [] : [{ source: "the image's label org.opencontainers.image.revision", commit: label }];
  const claims: Claim[] = [];
  const unused: string[] = [];
  for (const [source, read] of [
    [join(dirname(path), PROVENANCE), readProvenance],
    [`${path}${STATEMENT}`, readStatementAt],
  ] as const) {
    if (!existsSync(source)) continue;
    const told = attempt<Document>(() => read(source));
    if (typeof told === "string") unused.push(told);
    else if (told.artifacts.includes(sha256(bytes))) claims.push(told);
    // Beside an archive, it may describe the other platform's file.
    else if (told.architecture === undefined || told.architecture === architecture.debian)
      unused.push(`${source} is of another file: none that it describes has this SHA-256`);
  }
  return {
    claims: [...labelled, ...claims],
    unused: claims.length > 0 || unused.length === 0 ? undefined : unused.join("; "),
  };
}

/** Returns the result of `read`, or why it failed. */
function attempt<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    return error.message;
  }
}

/** Reads the build's record. @throws VerifyError when it cannot be read. */
export const readProvenance = (path: string): Provenance =>
  read(path, "the provenance of a build", (document) => {
    const { commit, changed, architecture, bun, libraries, artifacts } = record(document);
    const parts = list(libraries).map((library) => ({
      path: text(member(library, "path")),
      sha256: text(member(library, "sha256")),
      pinned: member(library, "pinned") === true,
    }));
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
  });

const readStatementAt = (path: string) =>
  read(path, "an in-toto statement of a release's provenance", (document) => readStatement(path, document));

/** @throws VerifyError when it is not JSON of that shape, or cannot be read at all. */
function read<T>(path: string, as: string, shaped: (document: unknown) => T): T {
  try {
    return shaped(parseJson(readRegular(path, MOST_JSON_BYTES, "MOST_JSON_BYTES")));
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof Error && "code" in error)) throw error;
    throw new VerifyError(`${path}: cannot be read as ${as}: ${error.message}`);
  }
}
