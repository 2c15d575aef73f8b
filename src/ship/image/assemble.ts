import { sha256 } from "../../support/hash.ts";
import { blobPath } from "./layout.ts";
import { ATTACHED, ATTESTATION, NO_PLATFORM, OCI, REFERENCE } from "./media-types.ts";
import { type TarEntry, tar } from "./tar.ts";

/** What an image contains on any platform: one file, how to run it, and its labels. */
export type Contents = {
  /** With tag; tools that load the image give it this name. */
  readonly name: string;
  /** The path of the one file, without the leading slash. */
  readonly file: string;
  readonly user?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The date of the file and the image, in seconds. */
  readonly timestamp: number;
};

/** The one file for one platform. The architecture has its name in an OCI image index. */
export type PlatformExecutable = { readonly architecture: string; readonly bytes: Uint8Array };

/** A text that goes with the image, under the name of its file. */
export type Text = { readonly name: string; readonly text: string };

/** What travels beside the image. No node unpacks it, and the platforms' manifests are the same without it. */
export type Attached = {
  readonly licenses?: readonly Text[];
  /** Returns statements about the image with this manifest. */
  readonly attest?: (architecture: string, digest: string) => readonly Text[];
};

/** What the archive holds for one platform: its manifest's digest, and the layer's size in bytes after gzip. */
export type Written = { readonly architecture: string; readonly digest: string; readonly compressed: number };

export type Assembled = {
  readonly archive: Uint8Array;
  readonly digest: string;
  readonly platforms: readonly Written[];
};

/** A content descriptor (OCI image specification, descriptor.md). */
type Descriptor = { readonly mediaType: string; readonly digest: string; readonly size: number };

type Blob = (mediaType: string, bytes: Uint8Array) => Descriptor;

/**
 * Makes an archive that every tool loads: an OCI image layout (image-layout.md) whose one image is an index of the
 * programs' platforms. Docker's own manifest.json stands beside it, for Docker's classic image store and older tools.
 * That file has no platforms: it names the image of `dockers`, which must be among the programs. The index lists
 * attachments after the platforms. The same input gives the same bytes.
 */
export function assemble(
  contents: Contents,
  programs: readonly PlatformExecutable[],
  dockers: string,
  { licenses = [], attest }: Attached = {},
): Assembled {
  const blobs = new Map<string, Uint8Array>();
  const blob: Blob = (mediaType, bytes) => {
    const digest = `sha256:${sha256(bytes)}`;
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };

  const images = programs.map((program) => image(contents, program, blob));
  const [first] = images;
  const attach = (what: string, texts: readonly Text[], subject: Descriptor) =>
    texts.length === 0 ? [] : [attachment(what, texts, subject, contents.timestamp, blob)];
  const manifests = [
    ...images.map(({ architecture, manifest }) => ({ ...manifest, platform: { architecture, os: "linux" } })),
    ...(first === undefined ? [] : attach("licenses", licenses, first.manifest)),
    ...images.flatMap(({ architecture, manifest }) =>
      attach("statements", attest?.(architecture, manifest.digest) ?? [], manifest),
    ),
  ];
  const index = blob(OCI.index, json({ schemaVersion: 2, mediaType: OCI.index, manifests }));

  // containerd and newer tools use the first annotation, older ones the second.
  const annotations = { "io.containerd.image.name": contents.name, "org.opencontainers.image.ref.name": contents.name };
  const docker = images
    .filter(({ architecture }) => architecture === dockers)
    .map(({ config, layer }) => ({
      Config: blobPath(config.digest),
      RepoTags: [contents.name],
      Layers: [blobPath(layer.digest)],
    }));
  const files: TarEntry[] = [
    file("oci-layout", json({ imageLayoutVersion: "1.0.0" })),
    file("index.json", json({ schemaVersion: 2, mediaType: OCI.index, manifests: [{ ...index, annotations }] })),
    file("manifest.json", json(docker)),
    ...[...blobs].map(([digest, bytes]) => file(blobPath(digest), bytes)),
  ];
  const platforms = images.map(({ architecture, manifest, layer }) => ({
    architecture,
    digest: manifest.digest,
    compressed: layer.size,
  }));
  return { archive: tar(files, contents.timestamp), digest: index.digest, platforms };
}

/** The image of one platform. */
function image(contents: Contents, { architecture, bytes }: PlatformExecutable, blob: Blob) {
  const { file, user, labels, timestamp } = contents;
  const files = tar([{ name: file, bytes, mode: 0o755 }], timestamp);
  const run = { ...(user !== undefined && { User: user }), Entrypoint: [`/${file}`], WorkingDir: "/", Labels: labels };
  return { architecture, ...imageOf(files, { architecture, os: "linux", config: run }, timestamp, blob) };
}

/**
 * Texts about the image with this manifest, in the ordinary layer of an image for no platform, so that every registry
 * and every conversion to Docker's types keeps them. It has nothing to run. Its annotations make tools that know
 * BuildKit's attestations (its documentation, attestation storage) list it as one, and a registry lists it as a
 * referrer of its subject (OCI distribution specification, listing referrers).
 */
function attachment(what: string, texts: readonly Text[], subject: Descriptor, timestamp: number, blob: Blob) {
  const files = texts.map(({ name, text }) => file(name, Buffer.from(text)));
  const run = { Labels: { [ATTACHED]: what } };
  const { manifest } = imageOf(tar(files, timestamp), { ...NO_PLATFORM, config: run }, timestamp, blob, { subject });
  const annotations = { [REFERENCE.digest]: subject.digest, [REFERENCE.type]: ATTESTATION };
  return { ...manifest, annotations, platform: NO_PLATFORM };
}

/** Makes the layer of these files, the configuration and the manifest. */
function imageOf(
  files: Uint8Array<ArrayBuffer>,
  configuration: { readonly architecture: string; readonly os: string; readonly config: object },
  timestamp: number,
  blob: Blob,
  about: { readonly subject?: Descriptor } = {},
) {
  const layer = blob(OCI.layer, Bun.gzipSync(files, { level: 9 }));
  const config = blob(
    OCI.config,
    json({
      created: new Date(timestamp * 1000).toISOString(),
      ...configuration,
      rootfs: { type: "layers", diff_ids: [`sha256:${sha256(files)}`] },
    }),
  );
  const document = { schemaVersion: 2, mediaType: OCI.manifest, config, layers: [layer], ...about };
  return { layer, config, manifest: blob(OCI.manifest, json(document)) };
}

const file = (name: string, bytes: Uint8Array): TarEntry => ({ name, bytes, mode: 0o644 });
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
