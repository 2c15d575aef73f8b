import { list, member, record, text } from "../../support/json.ts";

/** The release's name for Bun's runtime among the inputs; the others are libraries. */
const RUNTIME = "bun";

/**
 * Reads the in-toto Statement (version 1, with SLSA's provenance v1) beside a release's executable: the SHA-256 of the
 * files that it is about, and what they were made of. @throws ShapeError when it is not one.
 */
export function readStatement(source: string, statement: unknown) {
  const { subject, predicate } = record(statement);
  const inputs = list(member(member(predicate, "buildDefinition"), "resolvedDependencies")).map((input) => ({
    name: text(member(input, "name")),
    digest: record(member(input, "digest")),
  }));
  const files = inputs.flatMap(({ name, digest }) =>
    digest.sha256 === undefined ? [] : [[name, text(digest.sha256)] as const],
  );
  return {
    source,
    commit: text(inputs.find(({ digest }) => digest.gitCommit !== undefined)?.digest.gitCommit),
    runtime: text(files.find(([name]) => name === RUNTIME)?.[1]),
    libraries: new Map(files.filter(([name]) => name !== RUNTIME)),
    artifacts: list(subject).map((each) => text(member(member(each, "digest"), "sha256"))),
  };
}
