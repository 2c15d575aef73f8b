import type { BunPlugin } from "bun";

/** A package found in the program: its loader gets answers, or `problem` says why not and what to do. */
export type Finding = { readonly name: string; readonly version: string; readonly problem: string | undefined };

export type AddonsPlugin = BunPlugin & {
  /** All findings once the build is done, sorted by name. */
  readonly findings: () => readonly Finding[];
};
