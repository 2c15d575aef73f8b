import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync, zstdCompressSync } from "node:zlib";
import { assemble } from "../../src/ship/image/assemble.ts";
import { ImageError } from "../../src/ship/image/error.ts";
import { MOST_EXTENDED_BYTES, MOST_MEMBERS } from "../../src/ship/image/limits.ts";
import { readImages } from "../../src/ship/image/read.ts";
import { untar } from "../../src/ship/image/untar.ts";
import { sha256 } from "../../src/support/hash.ts";
import { MOST_JSON_BYTES } from "../../src/support/json.ts";
import {
  CONFIG,
  descriptorOf,
  END,
  extended,
  type Forgery,
  forged,
  INDEX,
  imageOf,
  LAYER,
  MANIFEST,
  type Member,
  memberOf,
  recordOf,
  tarOf,
  UNKNOWN,
} from "./forge.ts";

const CONTENTS = {
  name: "localhost/pause:x",
  file: "pause",
  user: "65535:65535",
  labels: { a: "b" },
  timestamp: 1_700_000_000,
};
const PROGRAMS = [
  { architecture: "amd64", bytes: Buffer.from("one") },
  { architecture: "arm64", bytes: Buffer.from("other") },
] as const;
const ATTACHED = {
  licenses: [{ name: "LICENSES/MIT.txt", text: "as is" }],
  attest: (architecture: string, digest: string) => [{ name: "said.json", text: `${architecture} ${digest}` }],
};
const ARCHIVE = assemble(CONTENTS, PROGRAMS, "amd64", ATTACHED).archive;

/** The error that `read` throws: one line for the reader. */
function refused(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
    const message = error instanceof Error ? error.message : "";
    expect(message).toMatch(/^[^\n]{1,800}$/);
    return message;
  }
  throw new Error("it was read");
}

describe("the images of an archive", () => {
  test("are those that were put into it, by platform and with their configuration, without the attachments", () => {
    const images = readImages("archive", ARCHIVE);
    const seen = images.map(({ os, architecture, config }) => ({ os, architecture, config }));
    expect(seen).toEqual(
      PROGRAMS.map(({ architecture }) => ({
        os: "linux",
        architecture: String(architecture),
        config: { user: "65535:65535", entrypoint: ["/pause"], env: [], labels: { a: "b" }, others: [] },
      })),
    );
    const files = images.flatMap(({ layers }) => layers.flatMap((layer) => untar("layer", layer.tar)));
    expect(files.map(({ path, type, mode, bytes }) => [path, type, mode, Buffer.from(bytes).toString()])).toEqual(
      PROGRAMS.map(({ bytes }) => ["pause", "file", 0o755, bytes.toString()]),
    );
  });

  test("are one in an archive without an index", () => {
    const { descriptor } = imageOf({});
    const archive = forged({ list: (list) => ({ ...list, manifests: [descriptor] }) });
    expect(readImages("archive", archive).map(({ digest }) => digest)).toEqual([descriptor.digest]);
  });

  test.each([
    ["zstd", "application/vnd.oci.image.layer.v1.tar+zstd", (bytes: Uint8Array) => zstdCompressSync(bytes)],
    ["plain", "application/vnd.oci.image.layer.v1.tar", (bytes: Uint8Array) => bytes],
  ])("are read with a layer that is %s", (_, mediaType, pack) => {
    const manifest = (manifest: { layers: object[] }) => ({
      ...manifest,
      layers: [{ ...manifest.layers[0], mediaType }],
    });
    const [image] = readImages("archive", forged({ pack, manifest }));
    expect(image?.layers.flatMap(({ tar }) => untar("layer", tar)).map(({ path }) => path)).toEqual(["pause"]);
  });

  test("are read in Docker's media types, too", () => {
    const DOCKER = "application/vnd.docker";
    const [type, config, layer] = [
      `${DOCKER}.distribution.manifest.v2+json`,
      `${DOCKER}.container.image.v1+json`,
      `${DOCKER}.image.rootfs.diff.tar.gzip`,
    ];
    const archive = forged({
      manifest: (manifest) => ({
        ...manifest,
        mediaType: type,
        config: { ...manifest.config, mediaType: config },
        layers: [{ ...manifest.layers[0], mediaType: layer }],
      }),
      index: (index) => ({
        schemaVersion: 2,
        mediaType: `${DOCKER}.distribution.manifest.list.v2+json`,
        manifests: [{ ...index.manifests[0], mediaType: type }],
      }),
      list: (list) => ({
        ...list,
        manifests: [{ ...list.manifests[0], mediaType: `${DOCKER}.distribution.manifest.list.v2+json` }],
      }),
    });
    expect(readImages("archive", archive).length).toBe(1);
  });

  test("may be for the only variant of an architecture, wherever the archive says so", () => {
    const arm64 = { os: "linux", architecture: "arm64" };
    for (const [own, listed] of [
      [{}, {}],
      [{ variant: "v8" }, {}],
      [{}, { variant: "v8" }],
    ]) {
      const archive = forged({
        config: (config) => ({ ...config, ...arm64, ...own }),
        index: (index) => ({ ...index, manifests: [{ ...index.manifests[0], platform: { ...arm64, ...listed } }] }),
      });
      expect(readImages("archive", archive).map(({ architecture }) => architecture)).toEqual(["arm64"]);
    }
  });

  test("may stand beside BuildKit's attestations", () => {
    expect(readImages("archive", withAttestation({})).length).toBe(1);
  });

  test("may have a history, and annotations that only inform", () => {
    const archive = forged({
      config: (config) => ({ ...config, history: [{ empty_layer: true }, { created_by: "COPY" }] }),
      manifest: (manifest) => ({ ...manifest, annotations: { "org.opencontainers.image.created": "x" } }),
    });
    expect(readImages("archive", archive).length).toBe(1);
  });

  test("name what else their configuration sets, except what is empty or means nothing", () => {
    const config = (config: { config: object }) => ({
      ...config,
      config: {
        ...config.config,
        Hostname: "h",
        Image: "i",
        Volumes: {},
        Cmd: null,
        Tty: false,
        WorkingDir: "/",
        Env: ["a=b"],
      },
    });
    expect(readImages("archive", forged({ config })).map((image) => [image.config.others, image.config.env])).toEqual([
      [[], ["a=b"]],
    ]);
    for (const other of [
      { Cmd: ["-v"] },
      { StopSignal: "SIGKILL" },
      { WorkingDir: "/x" },
      { Volumes: { "/pause": {} } },
    ])
      expect(
        readImages(
          "archive",
          forged({ config: (config) => ({ ...config, config: { ...config.config, ...other } }) }),
        ).map((image) => image.config.others),
      ).toEqual([Object.keys(other)]);
  });
});

/** The archive of an image and of an attestation in BuildKit's form, with changes to its config or descriptor. */
function withAttestation(change: {
  config?: object;
  descriptor?: object;
  manifest?: object;
  layer?: object;
  bytes?: Uint8Array;
}) {
  const { descriptor: image } = imageOf({});
  const statement = change.bytes ?? Buffer.from("{}");
  const config = Buffer.from(
    JSON.stringify({
      ...UNKNOWN,
      config: {},
      rootfs: { type: "layers", diff_ids: [`sha256:${descriptorOf("", statement).digest.slice(7)}`] },
      ...change.config,
    }),
  );
  const layer = {
    ...descriptorOf("application/vnd.in-toto+json", statement),
    annotations: { a: "b" },
    ...change.layer,
  };
  const document = { schemaVersion: 2, mediaType: MANIFEST, config: descriptorOf(CONFIG, config), layers: [layer] };
  const manifest = Buffer.from(JSON.stringify({ ...document, ...change.manifest }));
  const annotations = {
    "vnd.docker.reference.digest": image.digest,
    "vnd.docker.reference.type": "attestation-manifest",
  };
  const listed = { ...descriptorOf(MANIFEST, manifest), annotations, platform: UNKNOWN, ...change.descriptor };
  return forged({
    index: (index) => ({ ...index, manifests: [...index.manifests, listed] }),
    blobs: [statement, config, manifest],
  });
}

describe("an archive is refused in one line", () => {
  const refuses = (what: string, line: RegExp | string, ...forgeries: readonly (Forgery | Uint8Array)[]) =>
    test(what, () => {
      for (const forgery of forgeries) {
        const archive = forgery instanceof Uint8Array ? forgery : forged(forgery);
        expect(refused(() => readImages("archive", archive))).toMatch(line);
      }
    });
  const renamed = (from: string, to: string) => (members: readonly Member[]) =>
    members.map((each) => (each.name === from ? { ...each, name: to } : each));
  const within = (document: unknown, from: string | RegExp, to: string) => JSON.stringify(document).replace(from, to);

  refuses(
    "that is cut short, wherever",
    /^archive: (the tar archive is cut short|not an OCI image layout)/,
    ...[0, 100, 600, 5000, ARCHIVE.findLastIndex((byte) => byte !== 0) + 1].map((length) =>
      ARCHIVE.subarray(0, length),
    ),
  );
  refuses(
    "that goes on after its end",
    /^archive: the tar archive has data after its end/,
    Buffer.concat([ARCHIVE, ARCHIVE]),
    Buffer.concat([ARCHIVE, Buffer.alloc(511), Buffer.from("x")]),
  );

  const [blob = ""] = untar("archive", ARCHIVE)
    .map(({ path }) => path)
    .filter((path) => path.startsWith("blobs/"));
  const rewritten = (change: (bytes: Uint8Array) => Uint8Array) =>
    tarOf(
      ...untar("archive", ARCHIVE).map(({ path, bytes }) => ({
        name: path,
        content: path === blob ? change(bytes) : bytes,
      })),
    );
  refuses(
    "with a blob that was changed",
    /^archive: blob sha256:[0-9a-f]{64} has another digest, sha256:[0-9a-f]{64}; /,
    rewritten((bytes) => Buffer.from(bytes).fill(0, 20, 21)),
    {
      blobs: [Buffer.from("x")],
      members: (all) => all.map((each) => (each.content?.length === 1 ? { ...each, content: "y" } : each)),
    },
  );
  refuses(
    "with a blob that is missing",
    /no blob sha256:[0-9a-f]{64} \(linux\/amd64\): perhaps only one platform was written/,
    {
      members: (all) => all.filter(({ name }) => name !== `blobs/${imageOf({}).descriptor.digest.replace(":", "/")}`),
    },
  );
  refuses(
    "with a size that is not the blob's",
    /blob sha256:\S+ .*of \d+ bytes, but its descriptor says \d+|where a whole number is expected|not a plain integer/,
    ...["1", "1e2", "-1", "9007199254740993", "null", '"2"', "2.0"].map((size) => ({
      index: (index: unknown) => within(index, /"size":\d+/, `"size":${size}`),
    })),
  );
  refuses(
    "with a descriptor that points elsewhere, or has a digest that is not SHA-256",
    /"(urls|data|artifactType|sparse)" in an object that has |where a SHA-256 is expected/,
    ...[{ urls: ["https://pause.invalid"] }, { data: "aXQ=" }, { artifactType: "x" }, { sparse: "x" }].flatMap(
      (more) => [
        { index: (index: { manifests: object[] }) => ({ ...index, manifests: [{ ...index.manifests[0], ...more }] }) },
        {
          manifest: (manifest: { layers: object[] }) => ({ ...manifest, layers: [{ ...manifest.layers[0], ...more }] }),
        },
        { manifest: (manifest: { config: object }) => ({ ...manifest, config: { ...manifest.config, ...more } }) },
      ],
    ),
    ...["sha512:00", `sha256:${"A".repeat(64)}`, "sha256:../../index.json", `sha256:${"0".repeat(63)}`].map(
      (digest) => ({
        index: (index: unknown) => within(index, /sha256:[0-9a-f]+/, digest),
      }),
    ),
  );

  refuses(
    "whose layers are not those of the configuration",
    /layers other than those that the configuration names|an image of 1 layers \(rootfs\.diff_ids names 2\)/,
    { config: (config) => within(config, /sha256:[0-9a-f]{4}/, "sha256:ffff") },
    {
      config: (config) => ({
        ...config,
        rootfs: { ...config.rootfs, diff_ids: [config.rootfs.diff_ids[0], config.rootfs.diff_ids[0]] },
      }),
    },
  );
  refuses(
    "with several layers, or none",
    /an image of \d layers .* but a build's image has one/,
    { manifest: (manifest) => ({ ...manifest, layers: [manifest.layers[0], manifest.layers[0]] }) },
    { manifest: (manifest) => ({ ...manifest, layers: [] }) },
  );

  const gzip = (change: (bytes: Buffer) => Uint8Array) => ({
    pack: (bytes: Uint8Array<ArrayBuffer>) => change(Buffer.from(Bun.gzipSync(bytes))),
  });
  const flagged = (flags: number, more: string) =>
    gzip((bytes) =>
      Buffer.concat([
        Buffer.of(0x1f, 0x8b, 8, flags),
        bytes.subarray(4, 10),
        Buffer.from(more, "latin1"),
        bytes.subarray(10),
      ]),
    );
  refuses(
    "with a second gzip member, or with bytes after the only one",
    /a gzip layer with data after its end|unpack to more|longer than it says/,
    gzip((bytes) => Buffer.concat([bytes, bytes])),
    gzip((bytes) => Buffer.concat([bytes, Bun.gzipSync(Buffer.alloc(0))])),
    gzip((bytes) => Buffer.concat([bytes, Buffer.from("trailing")])),
    gzip((bytes) => Buffer.concat([bytes, Buffer.alloc(8)])),
    gzip((bytes) => Buffer.concat([bytes.subarray(0, -8), Buffer.from("between"), bytes.subarray(-8)])),
  );
  refuses(
    "with a gzip header that has optional fields",
    /a layer whose gzip header has optional fields or another method/,
    flagged(4, "\x02\0ab"),
    flagged(8, "name\0"),
    flagged(16, "comment\0"),
    flagged(2, "ab"),
    flagged(1, ""),
    flagged(0x20, ""),
  );
  refuses(
    "with a layer that is not what its media type says, or is damaged",
    /a layer that is not gzip|a damaged gzip layer|cannot be unpacked|longer than it says/,
    gzip(() => Buffer.from("it")),
    gzip((bytes) => bytes.fill(0xff, 12, 40)),
    gzip((bytes) => bytes.fill(0xff, bytes.length - 8, bytes.length - 4)),
    { pack: (bytes) => zstdCompressSync(bytes) },
  );
  const zstd = (change: (bytes: Buffer) => Uint8Array): Forgery => ({
    pack: (bytes) => change(zstdCompressSync(bytes)),
    manifest: (manifest) => ({
      ...manifest,
      layers: [{ ...manifest.layers[0], mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" }],
    }),
  });
  const SKIPPABLE = Buffer.of(0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2);
  refuses(
    "with a second zstd frame, a skippable one, or none",
    /a zstd layer that is not exactly one frame|a layer that is not zstd/,
    zstd((bytes) => Buffer.concat([bytes, bytes])),
    zstd((bytes) => Buffer.concat([bytes, SKIPPABLE])),
    zstd((bytes) => Buffer.concat([SKIPPABLE, bytes])),
    zstd((bytes) => Buffer.concat([bytes, Buffer.from("x")])),
    zstd((bytes) => bytes.subarray(0, -1)),
    zstd(() => Buffer.from("it")),
  );
  refuses(
    "with a zstd header that has reserved bits or a dictionary, or asks for a large window",
    /zstd header has reserved bits or a dictionary|more than MOST_WINDOW_BYTES \(8388608\)/,
    zstd((bytes) => Buffer.concat([bytes.subarray(0, 4), Buffer.of((bytes[4] ?? 0) | 1, 0), bytes.subarray(5)])),
    zstd((bytes) => Buffer.concat([bytes.subarray(0, 4), Buffer.of(0, 0xff), bytes.subarray(6)])),
  );
  refuses(
    "with a layer of another media type, or with annotations, which some readers apply",
    /a layer of media type \S+, which is not supported|a layer with annotations/,
    ...[
      "tar+xz",
      "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
      "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      "toString",
      "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ].map((mediaType) => ({
      manifest: (manifest: { layers: object[] }) => ({ ...manifest, layers: [{ ...manifest.layers[0], mediaType }] }),
    })),
    {
      manifest: (manifest) => ({
        ...manifest,
        layers: [
          { ...manifest.layers[0], annotations: { "io.github.containers.zstd-chunked.manifest-position": "1:2:3:1" } },
        ],
      }),
    },
  );
  refuses(
    "with annotations of a manifest that a runtime may apply",
    'a manifest with the annotation "run.oci.handler"',
    {
      manifest: (manifest) => ({
        ...manifest,
        annotations: { "org.opencontainers.image.created": "x", "run.oci.handler": "krun" },
      }),
    },
  );
  refuses(
    "with a history of layers that it does not have",
    /a configuration whose history has \d layers, but whose rootfs has 1/,
    { config: (config) => ({ ...config, history: [{ empty_layer: true }] }) },
    { config: (config) => ({ ...config, history: [{}, { empty_layer: false }] }) },
  );
  refuses(
    "with another configuration than its family's, or of another media type than it says",
    /media type \S+ where .+ is expected|a document of media type/,
    ...["application/vnd.oci.empty.v1+json", "application/vnd.docker.container.image.v1+json"].map((mediaType) => ({
      manifest: (manifest: { config: object }) => ({ ...manifest, config: { ...manifest.config, mediaType } }),
    })),
    { manifest: (manifest) => ({ ...manifest, mediaType: INDEX }) },
    { index: (index) => ({ ...index, mediaType: MANIFEST }) },
    { list: (list) => ({ ...list, mediaType: MANIFEST }) },
    {
      list: (list) => ({
        ...list,
        manifests: [{ ...list.manifests[0], mediaType: "application/vnd.oci.artifact.manifest.v1+json" }],
      }),
    },
  );
  refuses(
    "whose schemaVersion is not 2",
    "whose schemaVersion is not 2",
    ...[1, "2", undefined].flatMap((schemaVersion) => [
      { manifest: (manifest: object) => ({ ...manifest, schemaVersion }) },
      { index: (index: object) => ({ ...index, schemaVersion }) },
      { list: (list: object) => ({ ...list, schemaVersion }) },
    ]),
  );
  refuses(
    "with a document that is two things",
    /"(manifests|layers|config|subject|artifactType)" in an object that has /,
    { manifest: (manifest) => ({ ...manifest, manifests: [] }) },
    { index: (index) => ({ ...index, layers: [] }) },
    { index: (index) => ({ ...index, subject: index.manifests[0] }) },
    { manifest: (manifest) => ({ ...manifest, artifactType: "x" }) },
    { list: (list) => ({ ...list, config: {} }) },
  );

  refuses(
    "with one name twice in its JSON, in any spelling that some reader treats as the same",
    "JSON with one name twice in an object",
    ...["manifests", "Manifests", "MANIFESTS", "manife\\u017fts", "\\u006danifests"].flatMap((name) => [
      { index: (index: unknown) => within(index, "{", `{"${name}":[],`) },
      { list: (list: unknown) => within(list, "{", `{"${name}":[],`) },
    ]),
    ...["Architecture", "o\\u017f", "OS", "rootfs"].map((name) => ({
      config: (config: unknown) => within(config, "{", `{"${name}":"x",`),
    })),
    { config: (config) => within(config, '"Labels"', '"entrypoint":["/other"],"Labels"') },
    { dockers: (dockers) => within(dockers, "{", '{"layers":[],') },
  );
  refuses(
    "with a name only in another spelling",
    /"(Manifests|Layers|OS|Size|config)" in an object that has /,
    { index: (index) => within(index, '"manifests"', '"Manifests"') },
    { manifest: (manifest) => within(manifest, '"layers"', '"Layers"') },
    { config: (config) => within(config, '"os"', '"OS"') },
    { index: (index) => within(index, '"size"', '"Size"') },
    { dockers: (dockers) => within(dockers, '"Config"', '"config"') },
  );
  refuses(
    "with JSON that some reader refuses",
    /JSON with a (string|number) that is not |invalid JSON \(/,
    { config: (config) => within(config, '"b"', '"\\ud800"') },
    { config: (config) => within(config, "{", '{"created":1e3,') },
    { config: (config) => `\ufeff${JSON.stringify(config)}` },
    { config: (config) => `${JSON.stringify(config)}{}` },
    { list: () => "{" },
    { marker: () => "" },
    { config: (config) => Buffer.from(within(config, '"b"', '"\xff"'), "latin1") },
  );
  refuses(
    "with JSON that is too long or too deep",
    /more than MOST_JSON_BYTES|than MOST_JSON_DEPTH \(32\)/,
    { list: (list) => JSON.stringify(list) + " ".repeat(MOST_JSON_BYTES) },
    { config: (config) => within(config, "{", `{"history":${"[".repeat(40)}${"]".repeat(40)},`) },
    { list: () => "[".repeat(MOST_JSON_BYTES) },
  );

  refuses(
    "whose index has an image for another platform than the image itself says",
    /an image listed for \S+ whose own configuration says linux\/amd64/,
    ...[
      { os: "linux", architecture: "arm64" },
      { os: "windows", architecture: "amd64" },
      { os: "Linux", architecture: "amd64" },
      { os: "linux", architecture: "x86_64" },
      { os: "unknown", architecture: "amd64" },
      { os: "linux", architecture: "unknown" },
    ].map((platform) => ({
      index: (index: { manifests: object[] }) => ({ ...index, manifests: [{ ...index.manifests[0], platform }] }),
    })),
  );
  refuses(
    "for a platform that says more than its names",
    /another variant of the platform|"os\.(version|features)" in an object|"features" in an object/,
    ...[{ variant: "v3" }, { "os.version": "1" }, { "os.features": ["x"] }, { features: ["x"] }].map((more) => ({
      index: (index: { manifests: object[] }) => ({
        ...index,
        manifests: [{ ...index.manifests[0], platform: { os: "linux", architecture: "amd64", ...more } }],
      }),
    })),
    ...[{ variant: "v3" }, { "os.version": "1" }, { "os.features": ["x"] }].map((more) => ({
      config: (config: object) => ({ ...config, ...more }),
    })),
  );
  refuses("with an image without a platform", "in its index, without a platform", {
    index: (index) => ({ ...index, manifests: [{ ...index.manifests[0], platform: undefined }] }),
  });
  const second = imageOf({ layer: tarOf({ name: "pause", content: "other" }) });
  const beside = (more: object, image = second): Forgery => ({
    index: (index) => ({ ...index, manifests: [...index.manifests, { ...image.descriptor, ...more }] }),
    blobs: image.blobs,
  });
  refuses(
    "with two images for one platform, or one twice",
    /two images for linux\/amd64|one manifest twice in its index/,
    beside({ platform: { os: "linux", architecture: "amd64" } }),
    { index: (index) => ({ ...index, manifests: [index.manifests[0], index.manifests[0]] }) },
  );
  refuses("with more than one image in its index.json", "more than one image in its index.json", {
    list: (list) => ({ ...list, manifests: [list.manifests[0], list.manifests[0]] }),
  });
  refuses("with an index in its index", "where a manifest is expected", {
    index: (index) => ({ ...index, manifests: [{ ...index.manifests[0], mediaType: INDEX }] }),
  });

  test("with another image that is listed without a platform, whatever form that takes", () => {
    const attached = (forgery: Forgery, mediaType = LAYER) =>
      beside({ platform: UNKNOWN }, imageOf(forgery, mediaType));
    const files = tarOf({ name: "LICENSE", content: "as is", mode: "0000644\0" });
    const label = { Labels: { "vnd.pause.attached": "licenses" } };
    const plain: Forgery = { layer: files, config: (config) => ({ ...config, ...UNKNOWN, config: label }) };
    expect(readImages("archive", forged(attached(plain))).length).toBe(1);
    for (const forgery of [
      attached({ layer: tarOf({ name: "pause", content: "other" }) }),
      attached({ ...plain, config: (config) => ({ ...config, config: label }) }),
      attached({ ...plain, config: (config) => ({ ...config, ...UNKNOWN, config: {} }) }),
      attached({ ...plain, config: (config) => ({ ...config, ...UNKNOWN, variant: "v8", config: label }) }),
      attached({
        ...plain,
        config: (config) => ({ ...config, ...UNKNOWN, config: { ...label, Entrypoint: ["/pause"] } }),
      }),
      attached({ ...plain, config: (config) => ({ ...config, ...UNKNOWN, config: { ...label, Cmd: ["/pause"] } }) }),
      attached({ ...plain, config: (config) => ({ ...config, ...UNKNOWN, config: { ...label, User: "0" } }) }),
      ...["0000755\0", "0000744\0", "0000641\0", "0004644\0"].map((mode) =>
        attached({ ...plain, layer: tarOf({ name: "LICENSE", mode }) }),
      ),
      attached({ ...plain, layer: tarOf({ name: "bin/", type: "5" }) }),
      attached(plain, "application/vnd.in-toto+json"),
      beside({ platform: { ...UNKNOWN, variant: "v8" } }, imageOf(plain)),
      beside(
        { platform: UNKNOWN, annotations: { "vnd.docker.reference.digest": `sha256:${"0".repeat(64)}` } },
        imageOf(plain),
      ),
    ])
      expect(refused(() => readImages("archive", forged(forgery)))).toMatch(
        /listed without a platform beside its images, which |is not supported/,
      );
    for (const change of [
      { config: { os: "linux", architecture: "amd64" } },
      { descriptor: { annotations: {} } },
      { descriptor: { annotations: { "vnd.docker.reference.type": "other" } } },
      { config: { config: { Entrypoint: ["/pause"] } } },
      { config: { rootfs: { type: "layers", diff_ids: [] } } },
      { layer: { mediaType: "text/plain" } },
      { manifest: { subject: descriptorOf(MANIFEST, Buffer.from("another")) } },
    ])
      expect(refused(() => readImages("archive", withAttestation(change)))).toMatch(
        /listed without a platform beside its images, which |is not supported|a layer with annotations/,
      );
  });

  test("if docker load would take another image than the index has", () => {
    const other = Buffer.from("another");
    const name = `blobs/${descriptorOf("", other).digest.replace(":", "/")}`;
    const dockers = (change: (image: Record<string, unknown>) => unknown): Forgery => ({
      dockers: ([image]) => change(image),
      blobs: [other],
    });
    expect(readImages("archive", forged(dockers((image) => [image]))).length).toBe(1);
    for (const change of [
      dockers((image) => [{ ...image, Config: name }]),
      dockers((image) => [{ ...image, Layers: [name] }]),
      dockers((image) => [{ ...image, Layers: [] }]),
      dockers((image) => [{ ...image, Layers: [name, ...(image.Layers as string[])] }]),
      dockers((image) => [{ ...image, Layers: (image.Layers as string[]).map((path) => `./${path}`) }]),
      dockers((image) => [{ ...image, Config: image.Layers, Layers: [image.Config] }]),
      dockers((image) => [{ ...image, Parent: "sha256:0" }]),
      dockers((image) => [{ ...image, LayerSources: { [`sha256:${"0".repeat(64)}`]: descriptorOf(LAYER, other) } }]),
      dockers((image) => [image, image]),
      dockers((image) => image),
      dockers(() => []),
    ])
      expect(refused(() => readImages("archive", forged(change)))).toMatch(
        /a manifest\.json, which docker load reads|where (a list|a string|an object) is expected|"Parent" in an object/,
      );
  });

  refuses(
    "without its marker, by which some tools recognise it",
    /no oci-layout|no version 1\.0\.0 in its oci-layout/,
    { members: (all) => all.filter(({ name }) => name !== "oci-layout") },
    { marker: () => ({ imageLayoutVersion: "2.0.0" }) },
  );
  refuses(
    "that has a file twice, in any spelling",
    /^archive: the tar archive has "\S+" twice \(readers differ on which one they take\), the second time at byte /,
    { members: (all) => [...all, { name: "index.json", content: "{}" }] },
    { members: (all) => [{ name: "./index.json", content: "{}" }, ...all] },
    { members: (all) => [{ name: "index.json", type: "5" }, ...all] },
    { members: (all) => [{ name: "blobs/", type: "5" }, { name: "./blobs", type: "5" }, ...all] },
  );
  refuses(
    "with a path in an unusual form",
    /has a path in an unusual form/,
    ...[
      "/index.json",
      "x/../index.json",
      ".//index.json",
      "././index.json",
      "blobs//x",
      "index.json/",
      "index.json ",
      "blobs\\x",
      "..",
      "",
      "a\x01",
    ].map((name) => ({
      members: (all: readonly Member[]) => [...all, { name, content: "" }],
    })),
  );
  refuses(
    "with anything that is not part of a layout",
    /not only an OCI image layout, since it also has "\S+"/,
    { members: (all) => [...all, { name: "Index.json", content: "{}" }] },
    { members: (all) => [...all, { name: "blobs/sha512/", type: "5" }] },
    { members: (all) => [...all, { name: "pause", content: "it" }] },
    { members: (all) => [...all, { name: "index.json.d/", type: "5" }] },
  );
  refuses(
    "that is not of an image, or whose JSON has another shape",
    /not an OCI image layout, since it has no index\.json|its OCI image layout has .* where an? (list|object|string|whole number|SHA-256) is expected; write it again$/,
    { members: (all) => all.filter(({ name }) => name !== "index.json") },
    { index: (index) => ({ ...index, annotations: { a: 1 } }) },
    { manifest: (manifest) => ({ ...manifest, annotations: { "org.opencontainers.image.created": 1 } }) },
    { members: renamed("index.json", "repositories") },
    ...[{}, { manifests: [null] }, { manifests: [{ digest: 1 }] }, { manifests: {} }].map((list) => ({
      list: () => ({ schemaVersion: 2, ...list }),
    })),
  );
});

describe("the archive that docker save writes without OCI layouts", () => {
  const ID = "1".repeat(64);
  const layer = tarOf({ name: "pause", content: "it" });
  const run = { Entrypoint: ["/pause"], User: "65535:65535" };
  const platform = { os: "linux", architecture: "amd64" };
  type Parts = { config: object; manifest: unknown; repositories: unknown; former: object; layer: Uint8Array };
  const parts: Parts = {
    config: { ...platform, config: run, rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] } },
    manifest: undefined,
    repositories: { pause: { x: ID } },
    former: { id: ID, ...platform, config: { ...run, Hostname: "", Env: null } },
    layer,
  };
  const archive = (change: Partial<Parts> = {}, ...more: readonly Member[]) => {
    const { config, manifest, repositories, former, layer } = { ...parts, ...change };
    const configuration = JSON.stringify(config);
    const Config = `${sha256(Buffer.from(configuration))}.json`;
    const list = manifest ?? [{ Config, RepoTags: ["pause:x"], Layers: [`${ID}/layer.tar`] }];
    return tarOf(
      { name: Config, content: configuration },
      { name: `${ID}/`, type: "5" },
      { name: `${ID}/VERSION`, content: "1.0" },
      { name: `${ID}/json`, content: JSON.stringify(former) },
      { name: `${ID}/layer.tar`, content: layer },
      { name: "manifest.json", content: JSON.stringify(list) },
      { name: "repositories", content: JSON.stringify(repositories) },
      ...more,
    );
  };

  test("is read as the same image", () => {
    const [image] = readImages("archive", archive());
    expect(image).toMatchObject({ ...platform, config: { entrypoint: ["/pause"], user: "65535:65535" } });
    expect(image?.layers.flatMap(({ tar }) => untar("layer", tar)).map(({ path }) => path)).toEqual(["pause"]);
  });

  test("is refused if any Docker would run something else", () => {
    const [other, Config] = ["2".repeat(64), `${sha256(Buffer.from(JSON.stringify(parts.config)))}.json`];
    for (const forgery of [
      archive({ layer: tarOf({ name: "pause", content: "other" }) }),
      archive({ config: { ...parts.config, rootfs: { type: "layers", diff_ids: [] } } }),
      archive({ config: { ...parts.config, variant: "v8" } }),
      archive({ manifest: [] }),
      archive({ manifest: [{ Config, RepoTags: [], Layers: [] }] }),
      archive({ manifest: [{ Config, Layers: [`${ID}/layer.tar`, `${ID}/layer.tar`] }] }),
      archive({ manifest: [{ Config, Layers: [`./${ID}/layer.tar`] }] }),
      archive({ manifest: [{ Config, Layers: [`${ID}/json`] }] }),
      archive({ manifest: [{ Config, Layers: [`${other}/layer.tar`] }] }),
      archive(
        { manifest: [{ Config: `${other}.json`, Layers: [`${ID}/layer.tar`] }] },
        { name: `${other}.json`, content: "{}" },
      ),
      archive({ manifest: [{ Config, Layers: [`${ID}/layer.tar`], Parent: "x" }] }),
      archive({ manifest: [...Array(2)].map(() => ({ Config, Layers: [`${ID}/layer.tar`] })) }),
      archive({}, { name: `${other}.json`, content: "{}" }),
      archive({}, { name: `${other}/`, type: "5" }),
      archive({}, { name: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' }),
      archive({}, { name: "blobs/", type: "5" }),
      archive({ repositories: { pause: { x: other } } }),
      archive({ former: { ...parts.former, id: other } }),
      archive({ former: { ...parts.former, parent: other } }),
      archive({ former: { ...parts.former, os: "windows" } }),
      archive({ former: { ...parts.former, config: { ...run, Entrypoint: ["/other"] } } }),
    ])
      expect(refused(() => readImages("archive", forgery))).toMatch(
        /^archive: (its archive, as of docker save, has|not only an OCI image layout)/,
      );
  });
});

describe("the members of a tar archive", () => {
  const pause: Member = { name: "pause", content: "it" };
  const seen = (...members: readonly (Member | Uint8Array)[]) =>
    untar("archive", tarOf(...members)).map(({ path, type, mode, bytes }) => [
      path,
      type,
      mode,
      Buffer.from(bytes).toString(),
    ]);
  const wrong = (...members: readonly (Member | Uint8Array)[]) => refused(() => untar("archive", tarOf(...members)));

  test("are files and folders, each by its one path, in POSIX's format and in GNU's", () => {
    expect(
      seen(
        { name: "./", type: "5" },
        { name: "a/", type: "5" },
        { name: "./a/b", type: "5" },
        { name: "./pause", content: "it" },
      ),
    ).toEqual([
      ["", "folder", 0o755, ""],
      ["a", "folder", 0o755, ""],
      ["a/b", "folder", 0o755, ""],
      ["pause", "file", 0o755, "it"],
    ]);
    expect(seen({ ...pause, magic: "ustar  \0" })).toEqual([["pause", "file", 0o755, "it"]]);
    for (const mode of ["0100755\0", "100755 \0", "0000755 "])
      expect(seen({ ...pause, mode })).toEqual([["pause", "file", 0o755, "it"]]);
  });

  test.each(["ustar", "gnu", "posix"])("are those that GNU tar writes in the format %s", (format) => {
    const folder = mkdtempSync(join(tmpdir(), "pause-tar-"));
    const script = "mkdir folder && echo it >pause && chmod 755 folder pause && exec tar --create ./pause folder";
    const made = Bun.spawnSync(["sh", "-c", `${script} --format=${format}`], { cwd: folder });
    rmSync(folder, { recursive: true });
    const archive = made.stdout;
    expect(untar("archive", archive).map(({ path, type, mode }) => [path, type, mode])).toEqual([
      ["pause", "file", 0o755],
      ["folder", "folder", 0o755],
    ]);
  });

  test("may have an extended header of times and owners", () => {
    const [owned] = untar("archive", tarOf(extended("uid=2000000000"), pause, { name: "b" }));
    expect([owned?.uid, owned?.gid]).toEqual([2_000_000_000, 0]);
    expect(seen(extended("mtime=1.5", "atime=-3", "uid=0", "gid=0", "uname=root", "gname=root"), pause)).toEqual([
      ["pause", "file", 0o755, "it"],
    ]);
  });

  test("have no extended header that says anything else, or that only some readers apply", () => {
    for (const record of [
      "path=pause",
      "path=elsewhere",
      "linkpath=x",
      "size=2",
      "size=",
      "mtime=",
      "mtime=1e3",
      "uid=",
      "uid=-1",
      "SCHILY.xattr.security.capability=x",
      "GNU.sparse.major=1",
      "hdrcharset=BINARY",
      "LIBARCHIVE.symlinktype=file",
      "comment=x",
      "toString=x",
      "Path=x",
    ])
      expect(wrong(extended(record), pause)).toMatch(
        /has an extended header with ".*", which only some readers apply, at byte 0; /,
      );
    expect(wrong(extended("uid=0", "uid=1"), pause)).toMatch(/has an extended header with "uid" twice at byte 0/);
    expect(wrong(extended(), pause)).toMatch(/has an empty extended header/);
    expect(wrong(extended("uid=0"), extended("gid=0"), pause)).toMatch(
      /an extended header of an extended header at byte 1024/,
    );
    expect(wrong(pause, extended("uid=0"))).toMatch(/has an extended header without a member/);
    expect(wrong(extended(`uname=${"x".repeat(MOST_EXTENDED_BYTES)}`), pause)).toMatch(
      /more than MOST_EXTENDED_BYTES \(65536\)/,
    );
    for (const content of [
      "uid=0\n",
      "7 uid=0\n",
      "9 uid=0\n",
      "9 uid 00\n",
      "09 uid=0\n",
      `${recordOf("uid=0")}\0\0`,
      "0 uid=0\n",
      `${recordOf("uid=0")}9 `,
    ])
      expect(wrong({ name: "x", type: "x", content }, pause)).toMatch(
        /has an extended header that is not made of records/,
      );
  });

  test("are of no other type, whatever their path", () => {
    for (const type of [..."1234678", "g", "L", "K", "S", "D", "M", "N", "V", "X", "A", "\0", " "])
      expect(wrong({ ...pause, type })).toMatch(/neither a regular file nor a folder, at byte 0; /);
  });

  test("have contents only if their type can", () => {
    const hidden = memberOf({ name: "pause", content: "other" });
    expect(wrong({ name: "./", type: "5", content: hidden })).toMatch(/has a folder "\.\/" with a size at byte 0/);
    expect(wrong({ name: "./", type: "5", size: "00000002000\0" }, hidden, pause)).toMatch(
      /has a folder "\.\/" with a size/,
    );
  });

  test("state each value once, in octal digits, as every reader takes it", () => {
    for (const size of [
      "00000000009\0",
      "\x80\0\0\0\0\0\0\0\0\0\0\x02",
      "-0000000002\0",
      "+0000000002\0",
      "0x000000002\0",
      "\0".repeat(12),
      " ".repeat(12),
      "0000000002\x003",
      "   00000002 \0",
    ])
      expect(wrong({ ...pause, size })).toMatch(/whose size is ".*", not an octal number|bytes that are not ASCII/);
    for (const at of [100, 108, 116, 136])
      expect(wrong({ ...pause, bytes: { [at]: "9" } })).toMatch(
        /whose (mode|uid|gid|mtime) is ".*", not an octal number/,
      );
    expect(wrong({ ...pause, mode: "0120755\0" })).toMatch(/with the mode of another file type/);
    expect(wrong({ ...pause, mode: "0040755\0" })).toMatch(/with the mode of another file type/);
    expect(wrong({ ...pause, sum: 1 })).toMatch(/with a wrong checksum, so it is damaged, at byte 0/);
    for (const magic of ["\0".repeat(8), "ustar\x0001", "ustar\x00\0\0", "ustar   ", "USTAR\x0000"])
      expect(wrong({ ...pause, magic })).toMatch(/of another format than ustar/);
    expect(wrong({ ...pause, bytes: { 6: "hidden" } })).toMatch(/whose name has data after its end/);
    expect(wrong({ ...pause, bytes: { 157: "target" } })).toMatch(/with data in its linkname/);
    for (const at of [345, 400, 500, 508])
      expect(wrong({ ...pause, bytes: { [at]: "x" } })).toMatch(/with data in its prefix/);
    expect(wrong({ ...pause, bytes: { 329: "0000001\0" } })).toMatch(/a header that describes a device/);
    expect(wrong({ ...pause, bytes: { 265: "r\xf6\xf6t" } })).toMatch(/bytes that are not ASCII/);
  });

  test("end where every reader sees the end", () => {
    expect(wrong({ ...pause, padding: "x" })).toMatch(/has padding that is not zero at byte 514/);
    expect(wrong(pause, END, { name: "hidden" })).toMatch(/has data after its end at byte 1024/);
    expect(wrong(pause, Buffer.alloc(512), { name: "hidden" })).toMatch(/has data after its end at byte 1024/);
    const whole = tarOf(pause);
    for (const length of [512, 513, 514, 1024, 1536, 1537, whole.length - 1, whole.length + 1])
      expect(refused(() => untar("archive", Buffer.concat([whole, Buffer.alloc(1)]).subarray(0, length)))).toMatch(
        /is cut short/,
      );
    expect(wrong(memberOf(pause).subarray(0, 514))).toMatch(
      /padding that is not zero|is cut short|with a wrong checksum/,
    );
  });

  test("do not exceed the limit", () => {
    const many = (length: number) => Array.from({ length }, (_, at) => ({ name: `${at}` }));
    expect(seen(...many(MOST_MEMBERS)).length).toBe(MOST_MEMBERS);
    expect(wrong(...many(MOST_MEMBERS + 1))).toMatch(/has more members than MOST_MEMBERS \(1024\) at byte/);
  });
});

describe("reading an archive takes no more memory than its limits", () => {
  /** A gzip member of so many zero bytes, or that claims so. */
  function bomb(size: number): Buffer {
    const zeros = Buffer.alloc(size);
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(crc32(zeros), 0);
    trailer.writeUInt32LE(size, 4);
    return Buffer.concat([Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), deflateRawSync(zeros, { level: 9 }), trailer]);
  }

  test("a layer that unpacks to more is not unpacked, whatever size it states", () => {
    const large = bomb(80 * 1024 * 1024);
    expect(large.length).toBeLessThan(100_000);
    expect(refused(() => readImages("archive", forged({ pack: () => large })))).toMatch(
      /more than MOST_UNPACKED_BYTES \(67108864\)/,
    );
    large.writeUInt32LE(1024, large.length - 4);
    expect(refused(() => readImages("archive", forged({ pack: () => large })))).toMatch(/longer than it says/);
  }, 60_000);

  test("nor are many that unpack to more together", () => {
    const layer = new Uint8Array(40 * 1024 * 1024);
    const label = { Labels: { "vnd.pause.attached": "x" } };
    const images = ["a", "b"].map((text) =>
      imageOf({ layer, config: (config) => ({ ...config, author: text, ...UNKNOWN, config: label }) }),
    );
    const archive = forged({
      index: (index) => ({
        ...index,
        manifests: [...index.manifests, ...images.map(({ descriptor }) => ({ ...descriptor, platform: UNKNOWN }))],
      }),
      blobs: [...new Set(images.flatMap(({ blobs }) => blobs))].filter(
        (each, at, all) => all.findIndex((other) => Buffer.from(other).equals(each)) === at,
      ),
    });
    expect(refused(() => readImages("archive", archive))).toMatch(/more than MOST_UNPACKED_BYTES \(67108864\) in all/);
  }, 60_000);

  test("an archive that is larger is not read", () => {
    expect(refused(() => readImages("archive", new Uint8Array(64 * 1024 * 1024 + 1)))).toMatch(
      /more than MOST_ARCHIVE_BYTES \(67108864\)/,
    );
  });
});
