import { gunzipSync } from "node:zlib";
import { sha256 } from "../../support/hash.ts";
import { list, member, parseJson, record, ShapeError, text } from "../../support/json.ts";
import { ImageError } from "./error.ts";
import { untar } from "./untar.ts";

/** What an image says about how to run it: the part of the OCI image configuration (config.md) that a runtime reads. */
export type ImageConfig = {
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
};

/** A layer: a tar archive, which in the image's archive takes `compressed` bytes. */
export type Layer = { readonly tar: Uint8Array<ArrayBuffer>; readonly compressed: number };

/** The image for one platform; `digest` is its manifest's. */
export type Image = {
  readonly digest: string;
  readonly os: string;
  readonly architecture: string;
  readonly config: ImageConfig;
  readonly layers: readonly Layer[];
};

/** A blob by its descriptor (descriptor.md), whose digest is that of the bytes. */
type Blobs = (descriptor: unknown) => Uint8Array;

/**
 * The images of an archive that is a tar file of an OCI image layout (image-layout.md), one for each platform: of one index or
 * of several, each image once. What BuildKit puts beside them, attestations, has the platform unknown/unknown and is left out.
 * Where the archive has Docker's own manifest.json too, that names no other layer and configuration. `name`: as messages call it.
 * @throws ImageError when it is something else, is damaged, or a blob is missing or has not the digest it is named by.
 */
export function readImages(name: string, archive: Uint8Array): readonly Image[] {
  const files = filesOf(name, archive);
  const index = files.get("index.json");
  if (index === undefined)
    throw new ImageError(
      `${name}: no OCI image layout, since it has no index.json; write it with podman save --format oci-archive, or skopeo copy to oci-archive:`,
    );
  try {
    const blob = blobsOf(name, files);
    const manifests = new Map(
      list(member(parseJson(index), "manifests"))
        .flatMap((descriptor) => manifestsOf(blob, descriptor))
        .map((descriptor) => [text(member(descriptor, "digest")), descriptor]),
    );
    const images = [...manifests.values()].map((descriptor) => readManifest(name, blob, descriptor));
    checkDockers(
      name,
      files.get("manifest.json"),
      [...manifests.values()].map((descriptor) => parseJson(blob(descriptor))),
    );
    return images;
  } catch (error) {
    if (error instanceof ShapeError)
      throw new ImageError(`${name}: its OCI image layout has ${error.message}; write it again`);
    throw error;
  }
}

/** The regular files of the archive by their paths. */
function filesOf(name: string, archive: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const { path, type, bytes } of untar(name, archive)) {
    if (type !== "0") continue;
    if (files.has(path))
      throw new ImageError(
        `${name}: the archive has ${path} twice, and which of them counts depends on the reader; write it again`,
      );
    files.set(path, bytes);
  }
  return files;
}

function blobsOf(name: string, files: ReadonlyMap<string, Uint8Array>): Blobs {
  return (descriptor) => {
    const digest = text(member(descriptor, "digest"));
    const bytes = files.get(`blobs/${digest.replace(":", "/")}`);
    if (bytes === undefined)
      throw new ImageError(
        `${name}: blob ${digest}${forPlatform(descriptor)} is missing; write it again, with all its platforms`,
      );
    const found = `sha256:${sha256(bytes)}`;
    if (found !== digest)
      throw new ImageError(
        `${name}: blob ${digest}${forPlatform(descriptor)} is not what it is named by: its digest is ${found}; it was changed or damaged`,
      );
    return bytes;
  };
}

function forPlatform(descriptor: unknown): string {
  const platform = platformOf(descriptor);
  return platform === undefined ? "" : ` (${platform.os}/${platform.architecture})`;
}

/** The descriptors of the image manifests that `descriptor` leads to: its own, or those of the index it is of (image-index.md). */
function manifestsOf(blob: Blobs, descriptor: unknown): readonly unknown[] {
  if (platformOf(descriptor)?.os === "unknown") return [];
  const { manifests } = record(parseJson(blob(descriptor)));
  return manifests === undefined ? [descriptor] : list(manifests).flatMap((each) => manifestsOf(blob, each));
}

function platformOf(descriptor: unknown): { os: string; architecture: string } | undefined {
  const platform = member(descriptor, "platform");
  return platform === undefined
    ? undefined
    : { os: text(member(platform, "os")), architecture: text(member(platform, "architecture")) };
}

/** The image of a manifest (manifest.md). */
function readManifest(name: string, blob: Blobs, descriptor: unknown): Image {
  const { config, layers } = record(parseJson(blob(descriptor)));
  const configuration = record(parseJson(blob(config)));
  const [os, architecture] = [text(configuration.os), text(configuration.architecture)];
  const said = platformOf(descriptor) ?? { os, architecture };
  if (said.os !== os || said.architecture !== architecture)
    throw new ImageError(
      `${name}: the index has an image for ${said.os}/${said.architecture} that is for ${os}/${architecture} by its own configuration; build it again`,
    );
  const ids = list(member(configuration.rootfs, "diff_ids")).map(text);
  const read = list(layers).map((layer) => readLayer(name, text(member(layer, "mediaType")), blob(layer)));
  const wrong = ids.length !== read.length || read.some(({ tar }, at) => `sha256:${sha256(tar)}` !== ids[at]);
  if (wrong)
    throw new ImageError(
      `${name}: the layers of ${os}/${architecture} are not those that its configuration names (rootfs.diff_ids); it was changed or damaged`,
    );
  return {
    digest: text(member(descriptor, "digest")),
    os,
    architecture,
    config: readConfig(configuration.config ?? {}),
    layers: read,
  };
}

/** By the end of its media type: OCI's and Docker's are compressed alike. */
function readLayer(name: string, mediaType: string, bytes: Uint8Array): Layer {
  const unpack = /gzip$/.test(mediaType)
    ? gunzipSync
    : /zstd$/.test(mediaType)
      ? Bun.zstdDecompressSync
      : /tar$/.test(mediaType)
        ? (plain: Uint8Array) => plain
        : undefined;
  if (unpack === undefined)
    throw new ImageError(
      `${name}: a layer of media type ${mediaType} is not read here; write it again with podman save or skopeo copy`,
    );
  try {
    return { tar: new Uint8Array(unpack(bytes)), compressed: bytes.length };
  } catch (error) {
    throw new ImageError(
      `${name}: a layer cannot be unpacked (${error instanceof Error ? error.message : error}); build it again`,
    );
  }
}

function readConfig(config: unknown): ImageConfig {
  const { User, Entrypoint, Env, Labels } = record(config);
  return {
    user: text(User ?? ""),
    entrypoint: list(Entrypoint ?? []).map(text),
    env: list(Env ?? []).map(text),
    labels: Object.fromEntries(Object.entries(record(Labels ?? {})).map(([label, value]) => [label, text(value)])),
  };
}

/** Docker's classic image store goes by manifest.json alone, so it must lead to what was read. */
function checkDockers(name: string, dockers: Uint8Array | undefined, manifests: readonly unknown[]): void {
  if (dockers === undefined) return;
  const pathOf = (descriptor: unknown) => `blobs/${text(member(descriptor, "digest")).replace(":", "/")}`;
  const read = manifests
    .flatMap((manifest) => [member(manifest, "config"), ...list(member(manifest, "layers"))])
    .map(pathOf);
  const named = list(parseJson(dockers)).flatMap((image) => [
    text(member(image, "Config")),
    ...list(member(image, "Layers")).map(text),
  ]);
  const other = named.find((path) => !read.includes(path));
  if (other !== undefined)
    throw new ImageError(
      `${name}: its manifest.json, by which docker load goes, names ${other}, which is in none of the images of its index.json; write it again`,
    );
}
