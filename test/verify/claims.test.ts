import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { pinnedLibraries, pinnedRuntime } from "../../src/build/pin/pin.ts";
import { provenanceOf, subjectOf } from "../../src/ship/release/statement.ts";
import { claimsAbout, readProvenance } from "../../src/ship/verify/claims.ts";
import { sha256 } from "../../src/support/hash.ts";
import { REPOSITORY } from "../docs/pages.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "pause-verify-claims-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

const [FILE, BESIDE, STATEMENT] = ["pause", "provenance.json", "pause.intoto.json"].map((name) =>
  join(FOLDER, name),
) as [string, string, string];
const built = (name: string) => join(REPOSITORY, "dist", "amd64", name);
const BYTES = readFileSync(built("pause"));
const COMMIT: unknown = JSON.parse(readFileSync(built("provenance.json"), "utf8")).commit;

const of = (
  bytes: Uint8Array,
  { label, architecture = X86_64 }: { label?: string; architecture?: typeof X86_64 } = {},
) => claimsAbout(FILE, { name: FILE, architecture, bytes, label });

describe("the claims about a file", () => {
  test("are none if nothing lies beside it, and the commit if its image's label names one", () => {
    rmSync(BESIDE, { force: true });
    expect(of(BYTES)).toEqual({ claims: [], unused: undefined });
    expect(of(BYTES, { label: "abc" })).toEqual({
      claims: [{ source: "the image's label org.opencontainers.image.revision", commit: "abc" }],
      unused: undefined,
    });
  });

  test("are the commit, the runtime and the libraries, by the provenance.json that was built with it", () => {
    cpSync(built("provenance.json"), BESIDE);
    const { claims, unused } = of(BYTES);
    expect(unused).toBeUndefined();
    expect(claims.length).toBe(1);
    expect(of(BYTES, { label: "abc" }).claims).toMatchObject([{ commit: "abc" }, { commit: COMMIT }]);
    expect(claims[0]).toMatchObject({ source: BESIDE, commit: COMMIT, runtime: pinnedRuntime(X86_64).sha256 });
    expect(Object.fromEntries(claims[0]?.libraries ?? [])).toEqual(pinnedLibraries(X86_64).sha256);
  });

  test("are none by the provenance.json of another file, which is reported unless it is the other platform's", () => {
    cpSync(built("provenance.json"), BESIDE);
    expect(of(BYTES.subarray(1))).toEqual({
      claims: [],
      unused: `${BESIDE} is of another file: none that it describes has this SHA-256`,
    });
    expect(of(BYTES.subarray(1), { architecture: AARCH64 })).toEqual({ claims: [], unused: undefined });
    expect(of(BYTES.subarray(1), { label: "abc" }).claims.map(({ commit }) => commit)).toEqual(["abc"]);
  });

  test("include changes, a commit that git did not know, and the libraries that are not pinned", () => {
    const provenance = JSON.parse(readFileSync(built("provenance.json"), "utf8"));
    const [library] = provenance.libraries;
    writeFileSync(
      BESIDE,
      JSON.stringify({
        ...provenance,
        commit: null,
        changed: true,
        libraries: [{ ...library, pinned: false }, ...provenance.libraries.slice(1)],
      }),
    );
    expect(of(BYTES).claims).toMatchObject([{ commit: null, changed: true }]);
    expect(readProvenance(BESIDE).others).toEqual([library.path]);
    writeFileSync(BESIDE, JSON.stringify({ ...provenance, changed: false }));
    expect(of(BYTES).claims).toMatchObject([{ commit: COMMIT, changed: false }]);
    expect(readProvenance(BESIDE).others).toEqual([]);
  });

  test("are none by a file that is not the provenance of a build, and say why", () => {
    rmSync(BESIDE, { force: true });
    for (const make of [() => mkdirSync(BESIDE), () => Bun.spawnSync(["mkfifo", BESIDE])]) {
      make();
      expect(of(BYTES)).toEqual({
        claims: [],
        unused: expect.stringMatching(/\/provenance\.json: cannot be read as .*: it is not a regular file$/),
      });
      rmSync(BESIDE, { recursive: true });
    }
    for (const text of [
      "",
      "[]",
      "{}",
      '{"commit":1}',
      '{"commit":null,"architecture":"amd64","libraries":[{}],"artifacts":[]}',
    ]) {
      writeFileSync(BESIDE, text);
      expect(of(BYTES)).toEqual({
        claims: [],
        unused: expect.stringMatching(/\/provenance\.json: cannot be read as the provenance of a build: ./),
      });
    }
  });

  test("are the commit, the runtime and the libraries, too, by the statement of its release", () => {
    rmSync(BESIDE, { force: true });
    const release = {
      architecture: X86_64,
      file: { name: "pause-linux-amd64", sha256: sha256(BYTES) },
      commit: "abc",
      timestamp: 0,
    };
    const statement = provenanceOf(release, [subjectOf(release)]);
    // The order of its inputs has no meaning.
    statement.predicate.buildDefinition.resolvedDependencies.reverse();
    writeFileSync(STATEMENT, JSON.stringify(statement));
    const { claims, unused } = of(BYTES);
    expect(unused).toBeUndefined();
    expect(claims).toMatchObject([{ source: STATEMENT, commit: "abc", runtime: pinnedRuntime(X86_64).sha256 }]);
    expect(Object.fromEntries(claims[0]?.libraries ?? [])).toEqual(pinnedLibraries(X86_64).sha256);
    expect(of(BYTES.subarray(1))).toEqual({
      claims: [],
      unused: `${STATEMENT} is of another file: none that it describes has this SHA-256`,
    });
    writeFileSync(
      STATEMENT,
      JSON.stringify({ subject: [], predicate: { buildDefinition: { resolvedDependencies: [] } } }),
    );
    expect(of(BYTES).unused).toMatch(
      /\/pause\.intoto\.json: cannot be read as an in-toto statement of a release's provenance: ./,
    );
    rmSync(STATEMENT);
  });
});
