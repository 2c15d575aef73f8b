import type { Compression } from "./unpack.ts";

/** The media types of an image's manifest, configuration and layers. Those of one manifest are of one family. */
export type Family = {
  readonly index: string;
  readonly manifest: string;
  readonly config: string;
  readonly layers: Readonly<Record<string, Compression>>;
};

const VND_OCI = "application/vnd.oci.image";
const VND_DOCKER = "application/vnd.docker";

/** OCI image specification, media-types.md: what the build writes. */
export const OCI = {
  index: `${VND_OCI}.index.v1+json`,
  manifest: `${VND_OCI}.manifest.v1+json`,
  config: `${VND_OCI}.config.v1+json`,
  layer: `${VND_OCI}.layer.v1.tar+gzip`,
} as const;

const OCI_FAMILY: Family = {
  ...OCI,
  layers: { [`${VND_OCI}.layer.v1.tar`]: "none", [OCI.layer]: "gzip", [`${VND_OCI}.layer.v1.tar+zstd`]: "zstd" },
};

/** Docker's Image Manifest Version 2, Schema 2. */
const DOCKER_FAMILY: Family = {
  index: `${VND_DOCKER}.distribution.manifest.list.v2+json`,
  manifest: `${VND_DOCKER}.distribution.manifest.v2+json`,
  config: `${VND_DOCKER}.container.image.v1+json`,
  layers: {
    [`${VND_DOCKER}.image.rootfs.diff.tar`]: "none",
    [`${VND_DOCKER}.image.rootfs.diff.tar.gzip`]: "gzip",
  },
};

export const FAMILIES: readonly Family[] = [OCI_FAMILY, DOCKER_FAMILY];

/**
 * A statement about an image (in-toto attestation framework, spec/v1/bundle.md). BuildKit puts it in place of a layer.
 */
export const IN_TOTO = "application/vnd.in-toto+json";

/** Stands for a platform, as BuildKit does it, so that no tool takes an attachment for an image. */
export const NO_PLATFORM = { architecture: "unknown", os: "unknown" } as const;

/** BuildKit's annotations on the descriptor of an attachment (its documentation, attestation storage). */
export const REFERENCE = { digest: "vnd.docker.reference.digest", type: "vnd.docker.reference.type" } as const;
export const ATTESTATION = "attestation-manifest";

/** The label that marks our attachments. It survives a conversion to Docker's types, which drops annotations. */
export const ATTACHED = "vnd.pause.attached";
