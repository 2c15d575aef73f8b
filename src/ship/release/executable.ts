import type { Architecture } from "../../arch/architecture.ts";

/** An executable of a release, and its origin. */
export type ReleasedExecutable = {
  readonly architecture: Architecture;
  readonly file: { readonly name: string; readonly sha256: string };
  readonly commit: string;
  /** When the commit was made, in seconds. */
  readonly timestamp: number;
};
