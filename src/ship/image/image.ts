import type { ImageConfig } from "./config.ts";
import type { Layer } from "./layout.ts";

/** The image for one platform; `digest` is its manifest's, or its configuration's in Docker's own archive. */
export type Image = {
  readonly digest: string;
  readonly os: string;
  readonly architecture: string;
  readonly config: ImageConfig;
  readonly layers: readonly Layer[];
};
