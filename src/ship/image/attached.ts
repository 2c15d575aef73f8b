import { ShapeError } from "../../support/json.ts";
import { readConfiguration } from "./config.ts";
import type { Descriptor, Layout } from "./layout.ts";
import { ATTACHED, ATTESTATION, IN_TOTO, NO_PLATFORM, REFERENCE } from "./media-types.ts";
import { untar } from "./untar.ts";

/** Permissions that make a file a program: to execute it, or with another user's privileges. */
const RUNS = 0o7111;

/** Is it listed as an attachment to an image rather than an image? */
export const isAttached = ({ platform }: Descriptor): boolean =>
  platform?.os === NO_PLATFORM.os && platform.architecture === NO_PLATFORM.architecture;

/**
 * Checks that a descriptor without a platform is not an image that some tool could run. Its label or BuildKit's
 * annotations must say that it goes with one of `images` (digests). Its configuration must agree and have nothing to
 * run. It must hold statements, or files without execute permission. `name`: what messages call the archive.
 * @throws ShapeError or ImageError when it is anything else.
 */
export function checkAttached(name: string, layout: Layout, descriptor: Descriptor, images: readonly string[]): void {
  const { family, config, layers, subject } = layout.manifest(descriptor);
  const { platform, config: run, diffIds } = readConfiguration(layout.json(config));
  const { platform: listed, annotations } = descriptor;
  const said = run.labels[ATTACHED] !== undefined || annotations[REFERENCE.type] === ATTESTATION;
  if (!said || platform.os !== listed?.os || platform.architecture !== listed.architecture)
    throw refused(descriptor, "does not say so itself");
  if (platform.variant !== undefined || listed.variant !== undefined) throw refused(descriptor, "is for a variant");
  const about = [annotations[REFERENCE.digest], subject?.digest];
  if (about.some((digest) => digest !== undefined && !images.includes(digest)))
    throw refused(descriptor, "is about an image that the archive does not have");
  if (run.user !== "" || run.entrypoint.length > 0 || run.env.length > 0 || run.others.length > 0)
    throw refused(descriptor, "can be run");
  if (diffIds.length !== layers.length) throw refused(descriptor, "has layers that its configuration does not name");
  for (const [at, layer] of layers.entries()) {
    if (layer.mediaType === IN_TOTO && annotations[REFERENCE.type] === ATTESTATION) {
      layout.blob(layer);
      continue;
    }
    const members = untar(`${name}, a layer of ${descriptor.digest}`, layout.layer(family, layer, diffIds[at]).tar);
    const runs = members.find(({ type, mode }) => type !== "file" || (mode & RUNS) !== 0);
    if (runs !== undefined)
      throw refused(descriptor, `has ${JSON.stringify(runs.path)}, which is not a plain text file`);
  }
}

const refused = ({ digest }: Descriptor, what: string) =>
  new ShapeError(`${digest}, listed without a platform beside its images, which ${what}`);
