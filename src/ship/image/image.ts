import type { ImageConfig } from "./config.ts";
import type { Layer } from "./layout.ts";

/** The image for one platform. `digest`: of its manifest; in Docker's own archive, of its configuration. */
export type Image = {
  readonly digest: string;
  readonly os: string;
  readonly architecture: string;
  readonly config: ImageConfig;
  readonly layers: readonly Layer[];
};
