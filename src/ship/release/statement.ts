import { homepage } from "../../../package.json";
import { components } from "../components/components.ts";
import type { ReleasedExecutable } from "./executable.ts";
import { CYCLONEDX, sbom } from "./sbom.ts";

/** The subject of a statement: a name, and digests in hexadecimal. */
export type Subject = { readonly name: string; readonly digest: { readonly sha256: string } };

/** An in-toto Statement, version 1 (in-toto attestation framework, spec/v1/statement.md). */
const statement = <P>(subject: readonly Subject[], predicateType: string, predicate: P) => ({
  _type: "https://in-toto.io/Statement/v1",
  subject,
  predicateType,
  predicate,
});

const SLSA = "https://slsa.dev/provenance/v1";

export const subjectOf = ({ file: { name, sha256 } }: ReleasedExecutable): Subject => ({ name, digest: { sha256 } });

/** The bill of materials of the executable, about `subject`. */
export const billOf = (released: ReleasedExecutable, subject: readonly Subject[]) =>
  statement(subject, CYCLONEDX, sbom(released));

/**
 * How the executable is made, about `subject` (SLSA, provenance v1). It names what the bytes depend on and nothing of
 * the machine, so every build of the same commit gives the same statement.
 */
export function provenanceOf(released: ReleasedExecutable, subject: readonly Subject[]) {
  const { architecture, commit } = released;
  const source = { name: "pause", digest: { gitCommit: commit } };
  return statement(subject, SLSA, {
    buildDefinition: {
      buildType: `${homepage}/docs/release.md#the-provenance`,
      externalParameters: { commit, architecture: architecture.debian },
      resolvedDependencies: [source, ...inputs(released)],
    },
    runDetails: { builder: { id: `${homepage}/src/ship/release` } },
  });
}

/** The files that the build reads, by hash, and their packages. */
const inputs = ({ architecture }: ReleasedExecutable) =>
  components(architecture).flatMap(({ file, purl }) =>
    file === undefined ? [] : [{ name: file.name, digest: { sha256: file.sha256 }, annotations: { package: purl } }],
  );
