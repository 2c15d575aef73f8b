import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { assemble } from "../../src/ship/image/assemble.ts";
import { contentsAt, licenseTexts } from "../../src/ship/image/contents.ts";
import { writeRelease } from "../../src/ship/release/folder.ts";
import { billOf, provenanceOf, subjectOf } from "../../src/ship/release/statement.ts";
import { sha256 } from "../../src/support/hash.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";

const executables = ARCHITECTURES.map((architecture) => {
  const bytes = Buffer.from(`what runs on ${architecture.name}`);
  return {
    architecture,
    bytes,
    file: { name: `pause-linux-${architecture.debian}`, sha256: sha256(bytes) },
    commit: COMMIT,
    timestamp: 0,
  };
});
const [first, ...others] = executables;
if (first === undefined) throw new Error("there is no architecture");

/** The archive of `bun run image`, and that of a release. */
const contents = contentsAt(COMMIT);
const programs = executables.map(({ architecture, bytes }) => ({ architecture: architecture.debian, bytes }));
const plain = assemble(contents, programs, first.architecture.debian, { texts: licenseTexts() });

const folder = mkdtempSync(join(tmpdir(), "pause-attached-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeRelease(folder, [first, ...others]);
const ofRelease = readFileSync(join(folder, "pause.oci.tar"));

type Descriptor = {
  digest: string;
  size: number;
  mediaType: string;
  annotations?: Record<string, string>;
  platform?: { architecture: string; os: string };
};

/** What the index of an archive has, and the bytes and the JSON of a descriptor's blob. */
async function read(archive: Uint8Array) {
  const files = await new Bun.Archive(archive).files();
  const bytes = async ({ digest, size }: Descriptor) => {
    const blob = (await files.get(`blobs/${digest.replace(":", "/")}`)?.bytes()) ?? new Uint8Array();
    expect({ digest: `sha256:${sha256(blob)}`, size: blob.length }).toEqual({ digest, size });
    return Buffer.from(blob);
  };
  const json = async (descriptor: Descriptor) => JSON.parse((await bytes(descriptor)).toString());
  const list = await files.get("index.json")?.json();
  const [index]: [Descriptor] = list.manifests;
  const manifests: Descriptor[] = (await json(index)).manifests;
  return {
    bytes,
    json,
    images: manifests.filter(({ platform }) => platform?.os === "linux"),
    attached: manifests.filter(({ platform }) => platform?.os !== "linux"),
  };
}

const NO_PLATFORM = { architecture: "unknown", os: "unknown" };

describe("what goes with the image", () => {
  for (const [what, archive] of [
    ["bun run image", plain.archive],
    ["a release", ofRelease],
  ] as const) {
    test(`in the archive of ${what}: NOTICE and the licences are one artifact without a platform, each text with its file's name`, async () => {
      const { bytes, json, attached } = await read(archive);
      const [texts] = attached;
      if (texts === undefined) throw new Error("nothing is attached");
      expect(texts.platform).toEqual(NO_PLATFORM);
      const manifest = await json(texts);
      expect(manifest).toMatchObject({
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        artifactType: "application/vnd.pause.licenses.v1",
        config: { mediaType: "application/vnd.oci.empty.v1+json" },
      });
      expect(await json(manifest.config)).toEqual({});
      const files: { name: string | undefined; text: string }[] = [];
      for (const layer of manifest.layers)
        files.push({
          name: layer.annotations["org.opencontainers.image.title"],
          text: (await bytes(layer)).toString(),
        });
      expect(files).toEqual([...licenseTexts()]);
      expect(files.map(({ name = "" }) => name)).toContain("NOTICE");
    });
  }

  test("in the archive of a release: behind the texts, a manifest for each platform, found by its annotations and by its subject, with both statements", async () => {
    const { bytes, json, images, attached } = await read(ofRelease);
    expect(attached.length).toBe(1 + images.length);
    for (const [at, image] of images.entries()) {
      const [executable, attestation] = [executables[at], attached[1 + at]];
      if (executable === undefined || attestation === undefined)
        throw new Error(`nothing is said of ${image.platform?.architecture}`);
      expect(image.platform?.architecture).toBe(executable.architecture.debian);
      expect(attestation).toMatchObject({
        platform: NO_PLATFORM,
        annotations: {
          "vnd.docker.reference.digest": image.digest,
          "vnd.docker.reference.type": "attestation-manifest",
        },
      });
      const { subject, config, layers } = await json(attestation);
      expect(subject).toEqual({ mediaType: image.mediaType, digest: image.digest, size: image.size });
      expect(await json(config)).toEqual({
        ...NO_PLATFORM,
        config: {},
        rootfs: { type: "layers", diff_ids: layers.map(({ digest }: Descriptor) => digest) },
      });
      const about = [
        { name: contents.name, digest: { sha256: image.digest.replace("sha256:", "") } },
        subjectOf(executable),
      ];
      const statements: unknown[] = [];
      for (const layer of layers)
        statements.push({
          type: layer.mediaType,
          predicate: layer.annotations["in-toto.io/predicate-type"],
          statement: (await bytes(layer)).toString(),
        });
      expect(statements).toEqual(
        [billOf(executable, about), provenanceOf(executable, about)].map((statement) => ({
          type: "application/vnd.in-toto+json",
          predicate: statement.predicateType,
          statement: JSON.stringify(statement),
        })),
      );
    }
  });

  test("changes no platform's manifest: both archives, and one with nothing attached, have the same", async () => {
    const digests = async (archive: Uint8Array) => (await read(archive)).images.map(({ digest }) => digest);
    const bare = assemble(contents, programs, first.architecture.debian);
    expect((await read(bare.archive)).attached).toEqual([]);
    expect((await read(plain.archive)).attached.length).toBe(1);
    expect(await digests(plain.archive)).toEqual(bare.platforms.map(({ digest }) => digest));
    expect(await digests(ofRelease)).toEqual(bare.platforms.map(({ digest }) => digest));
  });

  test("is no image to docker's classic store: its manifest.json has one, and that image's layer alone", async () => {
    const files = await new Bun.Archive(ofRelease).files();
    const [docker, ...more] = (await files.get("manifest.json")?.json()) ?? [];
    expect(more).toEqual([]);
    expect(docker.Layers.length).toBe(1);
    expect(await files.get(docker.Config)?.json()).toMatchObject({ architecture: "amd64", os: "linux" });
  });
});
