import { list, parseJson, record, recordOf, ShapeError, text } from "../../support/json.ts";
import { blobPath, type Descriptor, descriptorOf } from "./layout.ts";

/** The parts of an image, as Docker's manifest.json lists them too. */
export type Parts = {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly string[];
};

/**
 * Docker's classic image store reads only manifest.json, so that must name one of the images that were read, and
 * nothing else. @throws ShapeError when it does not.
 */
export function checkDockers(manifest: Uint8Array, images: readonly Parts[]): void {
  const [image, ...others] = list(parseJson(manifest));
  if (others.length > 0) throw new ShapeError("a manifest.json, which docker load reads, of more than one image");
  const { Config, RepoTags, Layers, LayerSources } = recordOf(image, ["Config", "RepoTags", "Layers", "LayerSources"]);
  if (RepoTags !== undefined && RepoTags !== null) list(RepoTags).forEach(text);
  const named = [text(Config), ...list(Layers).map(text)];
  const same = images.find(
    ({ config, layers }) => named.join() === [config, ...layers].map(({ digest }) => blobPath(digest)).join(),
  );
  if (same === undefined)
    throw new ShapeError(
      `a manifest.json, which docker load reads, that names ${named.join(", ").slice(0, 300)}, ` +
        `none of the images of its index.json`,
    );
  for (const [diffId, source] of Object.entries(record(LayerSources ?? {})))
    if (descriptorOf(source).digest !== diffId || !same.diffIds.includes(diffId))
      throw new ShapeError("a manifest.json, which docker load reads, with another source of a layer");
}
