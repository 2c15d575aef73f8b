/**
 * The types of the linker as a library. They name nothing of Bun's or Node.js's, so that code without either can use
 * them.
 */
import type { GivenFlags } from "./flags.ts";

/** A native addon in the bundled program. */
export type Addon = {
  readonly name: string;
  /** Why it will not load; undefined if it will. */
  readonly problem: string | undefined;
  /** What may end the process after the addon has loaded; undefined if nothing is known. */
  readonly risk: string | undefined;
};

export type LinkOptions = GivenFlags & {
  /** The input's name in errors; its path by default. */
  readonly name?: string;
  /** Folders to search for libstdc++.so.6, libgcc_s.so.1 and musl's loader, before those of Debian and Alpine. */
  readonly libraryDirs?: readonly string[];
};

/** A static executable. */
export type StaticExecutable = {
  /** In bytes. */
  readonly size: number;
  /** The paths of the libraries linked into it. */
  readonly libraries: readonly string[];
  /** Its architecture, as a target of Bun's: bun-linux-x64-musl, say. */
  readonly target: string;
  /** The version of its Bun; undefined if that does not say. */
  readonly bun: string | undefined;
  /** Does it contain a bundled program? Without one it is the command `bun`. */
  readonly bundled: boolean;
  /** Its native addons, each with the reason if it will not load. */
  readonly addons: readonly Addon[];
  /** Do loaders of addons in it ask which C library the system has, and did the plugin not answer them? */
  readonly unanswered: boolean;
  /** The file in one piece. */
  readonly toBytes: () => Uint8Array;
  /**
   * Writes it as an executable (mode 0777 less the umask), in one step: `path` is the old file or the whole new one.
   * @throws LinkError when it cannot be written; Interrupted when SIGINT, SIGTERM or SIGHUP came.
   */
  readonly write: (path: string) => Promise<void>;
};
