import { sha256 } from "../../support/hash.ts";
import { count, list, parseJson, recordOf, ShapeError, text, texts } from "../../support/json.ts";
import { MOST_UNPACKED_BYTES } from "./limits.ts";
import { FAMILIES, type Family } from "./media-types.ts";
import { unpack } from "./unpack.ts";

/** What an image is for, in the names of the OCI image index (image-index.md). */
export type Platform = { readonly os: string; readonly architecture: string; readonly variant?: string };

/** A content descriptor (OCI image specification, descriptor.md). */
export type Descriptor = {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations: Readonly<Record<string, string>>;
};

/** A manifest (manifest.md), and the names that its family gives to the parts. */
export type Manifest = {
  readonly family: Family;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
};

/** A layer: a tar archive, and the `compressed` bytes it takes in the image's archive. */
export type Layer = { readonly tar: Uint8Array<ArrayBuffer>; readonly compressed: number };

/** The bytes of `files` by descriptors, and their meaning. All methods throw ShapeError for anything unusual. */
export class Layout {
  /** How many more bytes layers may unpack to. */
  private left = MOST_UNPACKED_BYTES;

  constructor(private readonly files: ReadonlyMap<string, Uint8Array>) {}

  /** The blob; its digest and size must match. */
  blob({ digest, size, platform }: Descriptor): Uint8Array {
    const called = `blob ${digest}${platform === undefined ? "" : ` (${platform.os}/${platform.architecture})`}`;
    const bytes = this.files.get(blobPath(digest));
    if (bytes === undefined) throw new ShapeError(`no ${called}: perhaps only one platform was written`);
    if (bytes.length !== size)
      throw new ShapeError(`${called} of ${bytes.length} bytes, but its descriptor says ${size}`);
    return bytes;
  }

  json(descriptor: Descriptor): unknown {
    return parseJson(this.blob(descriptor));
  }

  /** The entries of an index (image-index.md), or of index.json. */
  index(document: unknown, mediaType: string): readonly Descriptor[] {
    const index = recordOf(document, ["schemaVersion", "mediaType", "manifests", "annotations"]);
    checkVersion(index, mediaType);
    if (index.annotations !== undefined) texts(index.annotations);
    return list(index.manifests).map(descriptorOf);
  }

  manifest(descriptor: Descriptor): Manifest {
    const family = FAMILIES.find(({ manifest }) => manifest === descriptor.mediaType);
    if (family === undefined) throw new ShapeError(`media type ${descriptor.mediaType} where a manifest is expected`);
    const names = ["schemaVersion", "mediaType", "config", "layers", "annotations", "subject"] as const;
    const manifest = recordOf(this.json(descriptor), names);
    checkVersion(manifest, descriptor.mediaType);
    const other = Object.keys(texts(manifest.annotations ?? {})).find((name) => !name.startsWith(TOLD));
    // Podman passes annotations on to the runtime, and some of them change how it runs the image.
    if (other !== undefined) throw new ShapeError(`a manifest with the annotation ${JSON.stringify(other)}`);
    const config = descriptorOf(manifest.config);
    if (config.mediaType !== family.config)
      throw new ShapeError(`media type ${config.mediaType} where ${family.config} is expected`);
    const layers = list(manifest.layers).map(descriptorOf);
    return {
      family,
      config,
      layers,
      ...(manifest.subject !== undefined && { subject: descriptorOf(manifest.subject) }),
    };
  }

  /** Unpacks a layer of a manifest of this family. Its digest must then be `diffId`. */
  layer({ layers }: Family, descriptor: Descriptor, diffId: string | undefined): Layer {
    const compression = Object.hasOwn(layers, descriptor.mediaType) ? layers[descriptor.mediaType] : undefined;
    if (compression === undefined)
      throw new ShapeError(`a layer of media type ${descriptor.mediaType}, which is not supported`);
    // Some readers take a list of files from the annotations instead of the layer.
    if (Object.keys(descriptor.annotations).length > 0) throw new ShapeError("a layer with annotations");
    const blob = this.blob(descriptor);
    const tar = new Uint8Array(unpack(blob, compression, this.left));
    this.left -= tar.length;
    if (`sha256:${sha256(tar)}` !== diffId)
      throw new ShapeError("layers other than those that the configuration names (rootfs.diff_ids)");
    return { tar, compressed: blob.length };
  }
}

/** Annotations that only inform people (OCI image specification, annotations.md). */
const TOLD = "org.opencontainers.image.";

/** The place of a blob in an image layout (image-layout.md). */
export const blobPath = (digest: string): string => `blobs/${digest.replace(":", "/")}`;

/** Some readers tell a document's kind by its media type, others by its content, so both have to agree. */
function checkVersion(document: { schemaVersion?: unknown; mediaType?: unknown }, mediaType: string): void {
  if (document.schemaVersion !== 2) throw new ShapeError("a document whose schemaVersion is not 2");
  if (document.mediaType !== undefined && document.mediaType !== mediaType)
    throw new ShapeError(
      `a document of media type ${JSON.stringify(document.mediaType)} where ${mediaType} is expected`,
    );
}

/** A descriptor that leads nowhere else: no `urls`, and no `data` instead of the blob. */
export function descriptorOf(value: unknown): Descriptor {
  const found = recordOf(value, ["mediaType", "digest", "size", "annotations", "platform"]);
  const digest = text(found.digest);
  if (!/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new ShapeError(`${JSON.stringify(digest)} where a SHA-256 is expected`);
  return {
    mediaType: text(found.mediaType),
    digest,
    size: count(found.size),
    annotations: found.annotations === undefined ? {} : texts(found.annotations),
    ...(found.platform !== undefined && { platform: platformOf(found.platform) }),
  };
}

/** A platform of only these names: some readers take more about the processor or the system for another platform. */
export function platformOf(value: unknown): Platform {
  const { os, architecture, variant } = recordOf(value, ["os", "architecture", "variant"]);
  return { os: text(os), architecture: text(architecture), ...(variant !== undefined && { variant: text(variant) }) };
}
