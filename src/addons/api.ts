import type { BunPlugin } from "bun";

/** What was found in the program: a package whose loader is answered, or one that cannot be, with what to do. */
export type Finding = { readonly name: string; readonly version: string; readonly problem: string | undefined };

export type AddonsPlugin = BunPlugin & {
  /** What was found by the time the build is done, in the order of the names. */
  readonly findings: () => readonly Finding[];
};
