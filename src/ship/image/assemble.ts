import { sha256 } from "../../support/hash.ts";
import { type TarEntry, tar } from "./tar.ts";

/** What an image is, whatever its platforms: one file, how it is run, and what is said of it. */
export type Contents = {
  /** With tag, as tools that load the image will call it. */
  readonly name: string;
  /** The path of the one file, without the first slash. */
  readonly file: string;
  readonly user?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The date of the file and the image, in seconds. */
  readonly timestamp: number;
};

/** The one file, for one platform: the architecture by its name in an OCI image index. */
export type PlatformExecutable = { readonly architecture: string; readonly bytes: Uint8Array };

/** What is said of one platform's image: an in-toto Statement. */
export type Attestation = { readonly predicateType: string };

/** A text that goes with the image, by the name of its file. */
export type Text = { readonly name: string; readonly text: string };

/** What travels with the image, beside it: no tool unpacks it, and the platforms' manifests are the same without it. */
export type Attached = {
  readonly texts?: readonly Text[];
  /** What is said of the image that has this manifest. */
  readonly attest?: (architecture: string, digest: string) => readonly Attestation[];
};

/** What the archive holds for one platform: the digest of its manifest, and the layer's bytes after gzip. */
export type Written = { readonly architecture: string; readonly digest: string; readonly compressed: number };

export type Assembled = {
  readonly archive: Uint8Array;
  readonly digest: string;
  readonly platforms: readonly Written[];
};

/** A content descriptor (OCI image specification, descriptor.md). */
type Descriptor = { readonly mediaType: string; readonly digest: string; readonly size: number };

/** Media types of the OCI image specification, media-types.md. */
const OCI = "application/vnd.oci.image";
const TYPES = {
  index: `${OCI}.index.v1+json`,
  manifest: `${OCI}.manifest.v1+json`,
  config: `${OCI}.config.v1+json`,
  layer: `${OCI}.layer.v1.tar+gzip`,
};
const TEXTS = "application/vnd.pause.licenses.v1";
const IN_TOTO = "application/vnd.in-toto+json";

/** In the place of a platform, so that no tool takes for an image what only goes with one: BuildKit's way. */
const NO_PLATFORM = { architecture: "unknown", os: "unknown" };

type Blob = (mediaType: string, bytes: Uint8Array) => Descriptor;

/**
 * An archive that every tool loads: an OCI image layout (image-layout.md) whose one image is an index of the programs'
 * platforms, and beside it Docker's own manifest.json, which Docker's classic image store and older tools read instead. That
 * one has no platforms: it names the image of `dockers`, which must be among the programs. What is attached stands in the
 * index behind the platforms. The same input gives the same bytes.
 */
export function assemble(
  contents: Contents,
  programs: readonly PlatformExecutable[],
  dockers: string,
  { texts = [], attest }: Attached = {},
): Assembled {
  const blobs = new Map<string, Uint8Array>();
  const blob: Blob = (mediaType, bytes) => {
    const digest = `sha256:${sha256(bytes)}`;
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };

  const images = programs.map((program) => image(contents, program, blob));
  const manifests = [
    ...images.map(({ architecture, manifest }) => ({ ...manifest, platform: { architecture, os: "linux" } })),
    ...(texts.length === 0 ? [] : [textsManifest(texts, blob)]),
    ...(attest === undefined
      ? []
      : images.map(({ architecture, manifest }) =>
          attestationManifest(manifest, attest(architecture, manifest.digest), blob),
        )),
  ];
  const index = blob(TYPES.index, json({ schemaVersion: 2, mediaType: TYPES.index, manifests }));

  // containerd and newer tools go by the first annotation, older ones by the second.
  const annotations = { "io.containerd.image.name": contents.name, "org.opencontainers.image.ref.name": contents.name };
  const docker = images
    .filter(({ architecture }) => architecture === dockers)
    .map(({ config, layer }) => ({
      Config: path(config.digest),
      RepoTags: [contents.name],
      Layers: [path(layer.digest)],
    }));
  const files: TarEntry[] = [
    file("oci-layout", json({ imageLayoutVersion: "1.0.0" })),
    file("index.json", json({ schemaVersion: 2, mediaType: TYPES.index, manifests: [{ ...index, annotations }] })),
    file("manifest.json", json(docker)),
    ...[...blobs].map(([digest, bytes]) => file(path(digest), bytes)),
  ];
  const platforms = images.map(({ architecture, manifest, layer }) => ({
    architecture,
    digest: manifest.digest,
    compressed: layer.size,
  }));
  return { archive: tar(files, contents.timestamp), digest: index.digest, platforms };
}

/** The layer, the configuration and the manifest of one platform's image. */
function image(contents: Contents, { architecture, bytes }: PlatformExecutable, blob: Blob) {
  const { file, user, labels, timestamp } = contents;
  const files = tar([{ name: file, bytes, mode: 0o755 }], timestamp);
  const layer = blob(TYPES.layer, Bun.gzipSync(files, { level: 9 }));
  const config = blob(
    TYPES.config,
    json({
      created: new Date(timestamp * 1000).toISOString(),
      architecture,
      os: "linux",
      config: { ...(user !== undefined && { User: user }), Entrypoint: [`/${file}`], WorkingDir: "/", Labels: labels },
      rootfs: { type: "layers", diff_ids: [`sha256:${sha256(files)}`] },
    }),
  );
  const manifest = blob(TYPES.manifest, json({ schemaVersion: 2, mediaType: TYPES.manifest, config, layers: [layer] }));
  return { architecture, layer, config, manifest };
}

/**
 * What BuildKit writes for one image (its documentation, attestation storage): found by the annotations that its descriptor
 * has in the index, and, in a registry, as a referrer of its subject (OCI distribution specification, listing referrers).
 */
function attestationManifest(subject: Descriptor, attestations: readonly Attestation[], blob: Blob) {
  const layers = attestations.map((statement) => ({
    ...blob(IN_TOTO, json(statement)),
    annotations: { "in-toto.io/predicate-type": statement.predicateType },
  }));
  const config = blob(
    TYPES.config,
    json({ ...NO_PLATFORM, config: {}, rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) } }),
  );
  const manifest = blob(TYPES.manifest, json({ schemaVersion: 2, mediaType: TYPES.manifest, config, layers, subject }));
  const annotations = {
    "vnd.docker.reference.digest": subject.digest,
    "vnd.docker.reference.type": "attestation-manifest",
  };
  return { ...manifest, annotations, platform: NO_PLATFORM };
}

/** The texts as an artifact (OCI image specification, manifest.md, guidelines for artifact usage), each with its file's name. */
function textsManifest(texts: readonly Text[], blob: Blob) {
  const layers = texts.map(({ name, text }) => ({
    ...blob("text/plain", Buffer.from(text)),
    annotations: { "org.opencontainers.image.title": name },
  }));
  const config = blob("application/vnd.oci.empty.v1+json", json({}));
  const manifest = blob(
    TYPES.manifest,
    json({ schemaVersion: 2, mediaType: TYPES.manifest, artifactType: TEXTS, config, layers }),
  );
  return { ...manifest, platform: NO_PLATFORM };
}

const path = (digest: string) => `blobs/${digest.replace(":", "/")}`;
const file = (name: string, bytes: Uint8Array): TarEntry => ({ name, bytes, mode: 0o644 });
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
