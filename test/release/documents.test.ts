import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { version } from "../../package.json";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { components, OWN_PARTS } from "../../src/ship/components/components.ts";
import { LICENSE, licensesOf } from "../../src/ship/components/license.ts";
import { licenseTexts } from "../../src/ship/image/contents.ts";
import { sbom } from "../../src/ship/release/sbom.ts";
import { billOf, provenanceOf, subjectOf } from "../../src/ship/release/statement.ts";

const REPOSITORY = join(import.meta.dir, "../..");
const NOTICE = readFileSync(join(REPOSITORY, "NOTICE"), "utf8");
const COMMIT = "0123456789abcdef0123456789abcdef01234567";

const released = ARCHITECTURES.map((architecture) => ({
  architecture,
  file: { name: `pause-linux-${architecture.debian}`, sha256: "ab".repeat(32) },
  commit: COMMIT,
  timestamp: 1_700_000_000,
}));
const [first] = released;
if (first === undefined) throw new Error("there is no architecture");

describe("the bill of materials", () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  const wrong = (document: unknown) => validator.validate(JSON.stringify(document));

  test("is valid by the schema of CycloneDX 1.6, for each architecture", async () => {
    for (const each of released) expect(await wrong(sbom(each))).toBeNull();
  });

  test("would not pass with an unknown field, an invalid SPDX identifier or serial number, or a hash cut short", async () => {
    const good = sbom(first);
    const [component, ...others] = good.components;
    expect(await wrong({ ...good, composer: "?" })).not.toBeNull();
    expect(
      await wrong({ ...good, components: [{ ...component, licenses: [{ license: { id: "Apache 2" } }] }, ...others] }),
    ).not.toBeNull();
    expect(
      await wrong({ ...good, components: [{ ...component, hashes: [{ alg: "SHA-256", content: "ab" }] }, ...others] }),
    ).not.toBeNull();
    expect(await wrong({ ...good, serialNumber: "1" })).not.toBeNull();
  });

  test("is the same each time, and has another serial number if its contents differ", () => {
    expect(sbom(first)).toEqual(sbom(first));
    expect(sbom({ ...first, timestamp: 1 }).serialNumber).not.toBe(sbom(first).serialNumber);
  });

  test("has the file as its root: version, hash, date, and the licence of the whole", () => {
    const { component, timestamp } = sbom(first).metadata;
    expect({ timestamp, ...component }).toMatchObject({
      timestamp: "2023-11-14T22:13:20.000Z",
      type: "application",
      name: "pause",
      version,
      hashes: [{ alg: "SHA-256", content: first.file.sha256 }],
      licenses: [{ expression: LICENSE }],
    });
  });

  test("has everything in the graph of dependencies once, reachable from the root", () => {
    const { metadata, components, dependencies } = sbom(first);
    const edges = new Map(dependencies.map(({ ref, ...edge }) => [ref, "dependsOn" in edge ? edge.dependsOn : []]));
    const reached = new Set<string | undefined>();
    const follow = (ref: string | undefined): void => {
      reached.add(ref);
      for (const next of edges.get(ref) ?? []) if (!reached.has(next)) follow(next);
    };
    follow(metadata.component["bom-ref"]);
    expect([...reached].toSorted()).toEqual(
      [metadata.component["bom-ref"], ...components.map((component) => component["bom-ref"])].toSorted(),
    );
    expect(dependencies.length).toBe(reached.size);
  });
});

describe("the components said to be in the file", () => {
  /** The words of docs/map.md for a part's origin, for one architecture. */
  const mapped = (architecture: string) => {
    const section =
      readFileSync(join(REPOSITORY, "docs/map.md"), "utf8").split(`\n## ${architecture}\n`)[1]?.split("\n## ")[0] ?? "";
    const origins = [
      ...section.matchAll(
        /^\| (?:`0x[0-9a-f]+`)? *\| (?:`0x[0-9a-f]+`|not in the file) \| [\d,]+ \| `...` \| ([^|]+?) \|/gm,
      ),
    ].map(([, words]) => words ?? "");
    return [...new Set(origins)].toSorted();
  };

  for (const architecture of ARCHITECTURES) {
    test(`match the map of the file: each origin of ${architecture.debian}'s parts is claimed, and nothing else is`, () => {
      expect(mapped(architecture.debian).length).toBeGreaterThan(6);
      expect(
        [...new Set([...OWN_PARTS, ...components(architecture).flatMap(({ parts }) => parts)])].toSorted(),
      ).toEqual(mapped(architecture.debian));
    });
  }
});

describe("NOTICE", () => {
  const named = [...NOTICE.matchAll(/^(\S+) (\S+)\n {2}Licence: (.+)$/gm)].map(([, name, version, license]) => ({
    name,
    version,
    license,
  }));

  test("names each component of the bill of materials, with its version and its licence, and no other", () => {
    for (const { architecture } of released) {
      expect(named).toEqual(components(architecture).map(({ name, version, license }) => ({ name, version, license })));
    }
  });

  test("has the expression for the whole, which the Dockerfile's label has too", () => {
    expect(NOTICE).toContain(`\n  ${LICENSE}\n`);
    expect(readFileSync(join(REPOSITORY, "Dockerfile"), "utf8")).toContain(
      `org.opencontainers.image.licenses="${LICENSE}"`,
    );
  });

  test("names only paths that exist", () => {
    const paths = [...NOTICE.matchAll(/\b(?:src|LICENSES)\/[\w./-]*\w/g)].map(([path]) => path);
    expect(paths).toContain("src/build/pin/pin.json");
    for (const path of paths) expect(existsSync(join(REPOSITORY, path)), path).toBe(true);
  });

  test("names the licences whose texts are in LICENSES, and no others, and all of them go with the image", () => {
    const identifiers = new Set(
      [LICENSE, ...named.map(({ license }) => license ?? "")]
        .flatMap(licensesOf)
        .flatMap((license) => license.split(" WITH ")),
    );
    const files = [...identifiers].map((identifier) => `${identifier}.txt`).toSorted();
    expect(readdirSync(join(REPOSITORY, "LICENSES")).toSorted()).toEqual(files);
    expect(licenseTexts().map(({ name }) => name)).toEqual([
      "LICENSE",
      "NOTICE",
      ...files.map((file) => `LICENSES/${file}`),
    ]);
    for (const { name, text } of licenseTexts()) expect(text.length, name).toBeGreaterThan(1000);
  });
});

describe("the statements", () => {
  test("are in-toto statements, version 1, about the given files, with the contents of their predicate type", () => {
    const subject = [subjectOf(first)];
    expect(subject).toEqual([{ name: first.file.name, digest: { sha256: first.file.sha256 } }]);
    expect(billOf(first, subject)).toEqual({
      _type: "https://in-toto.io/Statement/v1",
      subject,
      predicateType: "https://cyclonedx.org/bom",
      predicate: sbom(first),
    });
    const { predicate, ...statement } = provenanceOf(first, subject);
    expect(statement).toEqual({
      _type: "https://in-toto.io/Statement/v1",
      subject,
      predicateType: "https://slsa.dev/provenance/v1",
    });
    // The fields that SLSA requires.
    expect(predicate).toMatchObject({
      buildDefinition: { buildType: expect.stringMatching(/^https:/), externalParameters: { commit: COMMIT } },
      runDetails: { builder: { id: expect.stringMatching(/^https:/) } },
    });
  });

  test("have the commit in the provenance, and each file that the build reads by its hash in src/build/pin/pin.json", () => {
    const pin = JSON.parse(readFileSync(join(REPOSITORY, "src/build/pin/pin.json"), "utf8"));
    for (const each of released) {
      const { resolvedDependencies } = provenanceOf(each, []).predicate.buildDefinition;
      const { debian, bunPackage } = each.architecture;
      const hashes = [pin.runtimes[bunPackage].sha256, ...Object.values<string>(pin.libraries[debian].sha256)];
      expect(resolvedDependencies.flatMap(({ digest }) => ("gitCommit" in digest ? [digest.gitCommit] : []))).toEqual([
        COMMIT,
      ]);
      expect(
        resolvedDependencies.flatMap(({ digest }) => ("sha256" in digest ? [digest.sha256] : [])).toSorted(),
      ).toEqual(hashes.toSorted());
      expect(JSON.stringify(resolvedDependencies)).toContain(
        `pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=${debian}`,
      );
    }
  });
});
