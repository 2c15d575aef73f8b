import { sha256 } from "../../support/hash.ts";
import { list, parseJson, record, recordOf, ShapeError, text } from "../../support/json.ts";
import { readConfig, readConfiguration } from "./config.ts";
import type { Image } from "./image.ts";
import type { TarMember } from "./untar.ts";

/** The files that an older Docker reads, and the layer itself. */
const [REPOSITORIES, VERSION, FORMER, LAYER] = ["repositories", "VERSION", "json", "layer.tar"];

const ID = /^[0-9a-f]{64}$/;
const CONFIG = /^([0-9a-f]{64})\.json$/;

/**
 * Reads the image of an archive that `docker save` writes from a store without OCI layouts: a configuration named by
 * its SHA-256, and one folder with the layer and Docker's earlier record of it. Both have to agree.
 * @throws ShapeError when it is anything else.
 */
export function readDockerArchive(members: readonly TarMember[], manifest: string): Image {
  const files = new Map(members.filter(({ type }) => type === "file").map(({ path, bytes }) => [path, bytes]));
  const fileAt = (path: string): Uint8Array => {
    const bytes = files.get(path);
    if (bytes === undefined) throw new ShapeError(`no ${path}`);
    return bytes;
  };
  const [image, ...others] = list(parseJson(fileAt(manifest)));
  if (others.length > 0) throw new ShapeError("more than one image");
  const { Config, RepoTags, Layers } = recordOf(image, ["Config", "RepoTags", "Layers"]);
  if (RepoTags !== null && RepoTags !== undefined) list(RepoTags).forEach(text);
  const [layer, ...more] = list(Layers).map(text);
  const config = text(Config);
  const [, digest = ""] = CONFIG.exec(config) ?? [];
  const [folder = "", file] = layer?.split("/") ?? [];
  if (more.length > 0 || digest === "" || !ID.test(folder) || file !== LAYER || layer !== `${folder}/${LAYER}`)
    throw new ShapeError("a manifest.json that does not name one configuration and one layer as docker save does");

  const known = [
    config,
    manifest,
    REPOSITORIES,
    folder,
    ...[VERSION, FORMER, LAYER].map((each) => `${folder}/${each}`),
  ];
  const stranger = members.find(({ path, type }) => !known.includes(path) || (type === "folder") !== (path === folder));
  if (stranger !== undefined)
    throw new ShapeError(`${JSON.stringify(stranger.path)}, which its manifest.json does not name`);

  const bytes = fileAt(config);
  if (sha256(bytes) !== digest) throw new ShapeError("a configuration whose SHA-256 is not its name");
  const { platform, config: run, diffIds } = readConfiguration(parseJson(bytes));
  const tar = new Uint8Array(fileAt(`${folder}/${LAYER}`));
  if (diffIds.join() !== `sha256:${sha256(tar)}`)
    throw new ShapeError("layers other than those that the configuration names (rootfs.diff_ids)");
  if (platform.variant !== undefined) throw new ShapeError("an image for a variant of its platform");
  const { os, architecture } = platform;
  checkFormer(files, folder, { os, architecture, config: JSON.stringify(run) });
  return { digest: `sha256:${digest}`, os, architecture, config: run, layers: [{ tar, compressed: tar.length }] };
}

/** Checks the files that an older Docker reads. */
function checkFormer(
  files: ReadonlyMap<string, Uint8Array>,
  folder: string,
  image: { readonly os: string; readonly architecture: string; readonly config: string },
): void {
  const repositories = files.get(REPOSITORIES);
  const names = repositories === undefined ? {} : record(parseJson(repositories));
  const tags = Object.values(names).flatMap((tags) => Object.values(record(tags)));
  if (tags.some((tag) => tag !== folder)) throw new ShapeError("other names in the files that an older Docker reads");
  const former = files.get(`${folder}/${FORMER}`);
  if (former === undefined) return;
  const { id, parent, os, architecture, config } = record(parseJson(former));
  const run = JSON.stringify(readConfig(config));
  if (id !== folder || parent !== undefined || os !== image.os || architecture !== image.architecture)
    throw new ShapeError("another image in the files that an older Docker reads");
  if (run !== image.config) throw new ShapeError("an image that an older Docker runs differently");
}
