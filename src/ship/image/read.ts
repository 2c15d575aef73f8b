import { ARCHITECTURES } from "../../arch/architectures.ts";
import { sha256 } from "../../support/hash.ts";
import { parseJson, recordOf, ShapeError } from "../../support/json.ts";
import { checkAttached, isAttached } from "./attached.ts";
import { readConfiguration } from "./config.ts";
import { readDockerArchive } from "./docker-archive.ts";
import { checkDockers, type Parts } from "./dockers.ts";
import { ImageError } from "./error.ts";
import type { Image } from "./image.ts";
import { type Descriptor, Layout, type Platform } from "./layout.ts";
import { MOST_ARCHIVE_BYTES } from "./limits.ts";
import { FAMILIES, OCI } from "./media-types.ts";
import { type TarMember, untar } from "./untar.ts";

/** The files of an image layout besides its blobs, and those that Docker adds. */
const MARKER = "oci-layout";
const INDEX = "index.json";
const DOCKERS = "manifest.json";
const FILES = [MARKER, INDEX, DOCKERS, "repositories"];
const FOLDERS = ["", "blobs", "blobs/sha256"];
const LAYOUT_VERSION = "1.0.0";

/**
 * Reads the images, one for each platform, of a tar archive of an OCI image layout (image-layout.md): of one manifest,
 * or of one index, which may list attachments too. If the archive also has Docker's own manifest.json, that names one
 * of the images; an archive with only manifest.json is Docker's. Refuses whatever another tool may read differently.
 * `name`: what messages call the archive.
 * @throws ImageError when it is something else, is damaged, or exceeds the limits.
 */
export function readImages(name: string, archive: Uint8Array): readonly Image[] {
  if (archive.length > MOST_ARCHIVE_BYTES)
    throw new ImageError(
      `${name}: an archive of ${archive.length} bytes, more than MOST_ARCHIVE_BYTES ` +
        `(${MOST_ARCHIVE_BYTES}); write it again, with this image alone`,
    );
  const members = untar(name, archive);
  const has = (path: string) => members.some((member) => member.path === path);
  const isDockers = has(DOCKERS) && !has(INDEX) && !has(MARKER);
  try {
    return isDockers ? [readDockerArchive(members, DOCKERS)] : readLayout(name, filesOf(name, members));
  } catch (error) {
    const form = isDockers ? "its archive, as of docker save," : "its OCI image layout";
    if (error instanceof ShapeError) throw new ImageError(`${name}: ${form} has ${error.message}; write it again`);
    throw error;
  }
}

function readLayout(name: string, files: ReadonlyMap<string, Uint8Array>): readonly Image[] {
  const index = files.get(INDEX);
  if (index === undefined)
    throw new ImageError(
      `${name}: not an OCI image layout, since it has no ${INDEX}; write it with podman save --format ` +
        `oci-archive, or skopeo copy to oci-archive:`,
    );
  checkMarker(files.get(MARKER));
  const layout = new Layout(files);
  const listed = listedIn(layout, index);
  const images = listed.filter((descriptor) => !isAttached(descriptor)).map((each) => readImage(layout, each));
  checkOneEach(images.map(({ image }) => image));
  const digests = images.map(({ image }) => image.digest);
  for (const attached of listed.filter(isAttached)) checkAttached(name, layout, attached, digests);
  const dockers = files.get(DOCKERS);
  if (dockers !== undefined)
    checkDockers(
      dockers,
      images.map(({ parts }) => parts),
    );
  return images.map(({ image }) => image);
}

/** The regular files of the archive by path. In a layout, each blob must have the digest in its name. */
function filesOf(name: string, members: readonly TarMember[]): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const { path, type, bytes } of members) {
    const known = type === "file" ? FILES : FOLDERS;
    const digest = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
    if (!known.includes(path) && (type !== "file" || digest === undefined))
      throw new ImageError(
        `${name}: not only an OCI image layout, since it also has ${JSON.stringify(path)}; write it with ` +
          `podman save --format oci-archive, or skopeo copy to oci-archive:`,
      );
    if (type === "folder") continue;
    const found = sha256(bytes);
    if (digest !== undefined && found !== digest)
      throw new ImageError(
        `${name}: blob sha256:${digest} has another digest, sha256:${found}; it was changed or damaged`,
      );
    files.set(path, bytes);
  }
  return files;
}

/** Without the marker, some tools read Docker's manifest.json instead. */
function checkMarker(marker: Uint8Array | undefined): void {
  if (marker === undefined) throw new ShapeError(`no ${MARKER}`);
  const { imageLayoutVersion } = recordOf(parseJson(marker), ["imageLayoutVersion"]);
  if (imageLayoutVersion !== LAYOUT_VERSION) throw new ShapeError(`no version ${LAYOUT_VERSION} in its ${MARKER}`);
}

/** What index.json leads to: its one manifest, or the entries of its one index, each for a platform. */
function listedIn(layout: Layout, index: Uint8Array): readonly Descriptor[] {
  const [only, ...others] = layout.index(parseJson(index), OCI.index);
  if (only === undefined) return [];
  if (others.length > 0)
    throw new ShapeError("more than one image in its index.json, and readers differ on which one they take");
  if (!FAMILIES.some(({ index }) => index === only.mediaType)) return [only];
  const listed = layout.index(layout.json(only), only.mediaType);
  for (const { digest, platform } of listed)
    if (platform === undefined) throw new ShapeError(`${digest} in its index, without a platform`);
  if (new Set(listed.map(({ digest }) => digest)).size < listed.length)
    throw new ShapeError("one manifest twice in its index");
  return listed;
}

/** The image of a manifest (manifest.md), with one layer. */
function readImage(layout: Layout, descriptor: Descriptor): { image: Image; parts: Parts } {
  const { family, config, layers, subject } = layout.manifest(descriptor);
  const { platform, config: run, diffIds } = readConfiguration(layout.json(config));
  checkPlatform(platform, descriptor.platform);
  const [layer, ...more] = layers;
  if (subject !== undefined) throw new ShapeError(`an image, ${descriptor.digest}, whose subject is another image`);
  if (layer === undefined || more.length > 0 || diffIds.length !== 1)
    throw new ShapeError(
      `an image of ${layers.length} layers (rootfs.diff_ids names ${diffIds.length}), but a build's image has one`,
    );
  const { os, architecture } = platform;
  const read = [layout.layer(family, layer, diffIds[0])];
  return {
    image: { digest: descriptor.digest, os, architecture, config: run, layers: read },
    parts: { config, layers, diffIds },
  };
}

/** The index and the image must name the same platform. */
function checkPlatform(own: Platform, listed: Platform = own): void {
  const words = ({ os, architecture, variant }: Platform) =>
    [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
  const variants = [own, listed].map(({ variant }) => variant);
  const expected = ARCHITECTURES.find(({ debian }) => debian === own.architecture)?.variant;
  if (own.os !== listed.os || own.architecture !== listed.architecture)
    throw new ShapeError(`an image listed for ${words(listed)} whose own configuration says ${words(own)}`);
  if (variants.some((variant) => variant !== undefined && variant !== expected))
    throw new ShapeError(
      `an image for ${words(own)} that its index lists as ${words(listed)}: another variant of the platform`,
    );
}

function checkOneEach(images: readonly Image[]): void {
  const platforms = images.map(({ os, architecture }) => `${os}/${architecture}`);
  const twice = platforms.find((platform, at) => platforms.indexOf(platform) !== at);
  if (twice !== undefined) throw new ShapeError(`two images for ${twice}, and readers differ on which one they take`);
}
