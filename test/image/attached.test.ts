import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program, testNeeding } from "../../harness/privilege.ts";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { assemble } from "../../src/ship/image/assemble.ts";
import { contentsAt, licenseTexts } from "../../src/ship/image/contents.ts";
import { readImages } from "../../src/ship/image/read.ts";
import { writeRelease } from "../../src/ship/release/folder.ts";
import { billOf, provenanceOf, subjectOf } from "../../src/ship/release/statement.ts";
import { sha256 } from "../../src/support/hash.ts";
import { run } from "../runtimes/tools.ts";

const SKOPEO = program("skopeo");

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

/** The archive of `bun run image`, and a release's. */
const contents = contentsAt(COMMIT);
const programs = executables.map(({ architecture, bytes }) => ({ architecture: architecture.debian, bytes }));
const plain = assemble(contents, programs, first.architecture.debian, { licenses: licenseTexts() });

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

/** An archive's index, and the bytes and JSON of a descriptor's blob. */
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

/** The texts in the one layer of a manifest for no platform. */
async function textsOf({ bytes, json }: Awaited<ReturnType<typeof read>>, descriptor: Descriptor | undefined) {
  if (descriptor === undefined) throw new Error("nothing is attached");
  const manifest = await json(descriptor);
  expect(manifest.layers.length).toBe(1);
  const layer = Bun.gunzipSync(new Uint8Array(await bytes(manifest.layers[0])));
  const config = await json(manifest.config);
  expect(config).toMatchObject({
    ...NO_PLATFORM,
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] },
  });
  const texts = [...(await new Bun.Archive(layer).files())];
  return {
    manifest,
    labels: config.config,
    texts: await Promise.all(texts.map(async ([name, file]) => ({ name, text: await file.text() }))),
  };
}

describe("the attachments of the image", () => {
  for (const [what, archive] of [
    ["bun run image", plain.archive],
    ["a release", ofRelease],
  ] as const) {
    test(`in the archive of ${what}: NOTICE and the licences are files in the layer of one image without a platform`, async () => {
      const layout = await read(archive);
      const [first] = layout.attached;
      expect(first?.platform).toEqual(NO_PLATFORM);
      const { texts, labels } = await textsOf(layout, first);
      expect(texts).toEqual([...licenseTexts()]);
      expect(texts.map(({ name }) => name)).toContain("NOTICE");
      // It has nothing to run.
      expect(labels).toEqual({ Labels: { "vnd.pause.attached": "licenses" } });
    });

    testNeeding(SKOPEO)(
      `the archive of ${what} converts to Docker's types and back, and is read as before`,
      async () => {
        const [from, docker, back] = [
          join(folder, `${what}.tar`),
          join(folder, `${what}.v2s2`),
          join(folder, `${what}.back.tar`),
        ];
        writeFileSync(from, archive);
        const copy = (...words: string[]) => run(["skopeo", "--insecure-policy", "copy", "--quiet", "--all", ...words]);
        await copy("--format", "v2s2", `oci-archive:${from}`, `dir:${docker}`);
        const list = JSON.parse(readFileSync(join(docker, "manifest.json"), "utf8"));
        expect(list.mediaType).toBe("application/vnd.docker.distribution.manifest.list.v2+json");
        await copy("--format", "oci", `dir:${docker}`, `oci-archive:${back}`);
        const contentsOf = (path: string) =>
          readImages("archive", readFileSync(path)).map(({ architecture, config, layers }) => ({
            ...{ architecture, config },
            layers: layers.map(({ tar }) => sha256(tar)),
          }));
        expect(contentsOf(back)).toEqual(contentsOf(from));
        const [before, after] = [await read(archive), await read(readFileSync(back))];
        expect(after.attached.length).toBe(before.attached.length);
        for (const [at, each] of after.attached.entries())
          expect((await textsOf(after, each)).texts).toEqual((await textsOf(before, before.attached[at])).texts);
      },
    );
  }

  test("in the archive of a release: after the licences, one for each platform, found by its annotations and its subject, with both statements", async () => {
    const layout = await read(ofRelease);
    const { images, attached } = layout;
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
      const { manifest, texts, labels } = await textsOf(layout, attestation);
      expect(manifest.subject).toEqual({ mediaType: image.mediaType, digest: image.digest, size: image.size });
      expect(labels).toEqual({ Labels: { "vnd.pause.attached": "statements" } });
      const about = [
        { name: contents.name, digest: { sha256: image.digest.replace("sha256:", "") } },
        subjectOf(executable),
      ];
      expect(texts.map(({ name, text }) => ({ name, statement: JSON.parse(text) }))).toEqual(
        [
          { name: "sbom.intoto.json", statement: billOf(executable, about) },
          { name: "provenance.intoto.json", statement: provenanceOf(executable, about) },
        ].map(({ name, statement }) => ({ name, statement: JSON.parse(JSON.stringify(statement)) })),
      );
    }
  });

  testNeeding(SKOPEO, program("umoci"))(
    "are ignored by umoci, which unpacks the image of a layout that skopeo made",
    async () => {
      const [archive, layout, bundle] = ["umoci.tar", "umoci", "bundle"].map((name) => join(folder, name));
      writeFileSync(archive ?? "", ofRelease);
      await run(["skopeo", "--insecure-policy", "copy", "--quiet", `oci-archive:${archive}`, `oci:${layout}:0.1.0`]);
      await run(["umoci", "unpack", "--rootless", "--image", `${layout}:0.1.0`, bundle ?? ""]);
      expect(readdirSync(join(bundle ?? "", "rootfs"))).toEqual(["pause"]);
    },
  );

  testNeeding(SKOPEO, program("oci-image-tool"))("are valid to oci-image-tool", async () => {
    const [archive, layout] = ["valid.tar", "valid"].map((name) => join(folder, name));
    writeFileSync(archive ?? "", ofRelease);
    await run(["skopeo", "--insecure-policy", "copy", "--quiet", "--all", `oci-archive:${archive}`, `oci:${layout}:x`]);
    await run(["oci-image-tool", "validate", "--type", "image", layout ?? ""]);
  });

  test("change no platform's manifest: both archives, and one without attachments, have the same", async () => {
    const digests = async (archive: Uint8Array) => (await read(archive)).images.map(({ digest }) => digest);
    const bare = assemble(contents, programs, first.architecture.debian);
    expect((await read(bare.archive)).attached).toEqual([]);
    expect((await read(plain.archive)).attached.length).toBe(1);
    expect(await digests(plain.archive)).toEqual(bare.platforms.map(({ digest }) => digest));
    expect(await digests(ofRelease)).toEqual(bare.platforms.map(({ digest }) => digest));
  });

  test("are no images to docker's classic store: its manifest.json has one image, with that image's layer alone", async () => {
    const files = await new Bun.Archive(ofRelease).files();
    const [docker, ...more] = (await files.get("manifest.json")?.json()) ?? [];
    expect(more).toEqual([]);
    expect(docker.Layers.length).toBe(1);
    expect(await files.get(docker.Config)?.json()).toMatchObject({ architecture: "amd64", os: "linux" });
  });
});
