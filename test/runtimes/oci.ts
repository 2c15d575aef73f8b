import type { ImageConfig } from "../../src/ship/image/config.ts";
import type { Image } from "../../src/ship/image/image.ts";
import { HOST } from "../../src/ship/image/platforms.ts";
import { readImages } from "../../src/ship/image/read.ts";
import { untar } from "../../src/ship/image/untar.ts";

/**
 * Reads the image for one architecture from an OCI archive; if there is only one, that one.
 * @throws Error when there is none.
 */
export async function readImage(path: string, architecture: string = HOST ?? process.arch): Promise<Image> {
  const images = readImages(path, await Bun.file(path).bytes());
  const image = images.length === 1 ? images[0] : images.find((each) => each.architecture === architecture);
  if (image === undefined) throw new Error(`${path} has no image for ${architecture}`);
  return image;
}

/** The bytes of /pause in an image's layers. @throws Error when there is none. */
export function pauseIn({ layers }: Image): Uint8Array {
  const file = layers.flatMap(({ tar }) => untar("a layer", tar)).find(({ path }) => path === "pause");
  if (file === undefined) throw new Error("the image has no /pause");
  return file.bytes;
}

/** Unpacks this machine's image of an archive into a folder. Returns how to run it. */
export async function unpack(archive: string, root: string): Promise<ImageConfig> {
  const { config, layers } = await readImage(archive);
  for (const { tar } of layers) await new Bun.Archive(tar).extract(root);
  return config;
}
