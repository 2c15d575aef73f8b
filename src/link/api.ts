/**
 * The types of the linker as a library. They name nothing of Bun's or Node.js's, so that whoever has neither can use
 * them.
 */
import type { GivenFlags } from "./flags.ts";

/** A native addon in the bundled program. */
export type Addon = {
  readonly name: string;
  /** Why it will not load; undefined where it will. */
  readonly problem: string | undefined;
  /** What may end the process when the addon has loaded; undefined where nothing is known. */
  readonly risk: string | undefined;
};

export type LinkOptions = GivenFlags & {
  /** How errors name the input; its path, unless given. */
  readonly name?: string;
  /** Folders to look in for libstdc++.so.6, libgcc_s.so.1 and musl's loader, before those of Debian and Alpine. */
  readonly libraryDirs?: readonly string[];
};

/** A static executable. */
export type StaticExecutable = {
  /** In bytes. */
  readonly size: number;
  /** The paths of the libraries that went into it. */
  readonly libraries: readonly string[];
  /** The architecture it is for, as Bun's targets name it: bun-linux-x64-musl, say. */
  readonly target: string;
  /** The version of the Bun in it; undefined where it does not say. */
  readonly bun: string | undefined;
  /** Is a bundled program in it? Without one it is the command `bun`. */
  readonly bundled: boolean;
  /** The native addons in it, each with the reason why it will not load, if so. */
  readonly addons: readonly Addon[];
  /** The file in one piece. */
  readonly toBytes: () => Uint8Array;
  /**
   * Writes it as an executable (mode 0777 less the umask), in one step: `path` is the old file or the whole new one.
   * @throws LinkError when it cannot be written; Interrupted when SIGINT, SIGTERM or SIGHUP came.
   */
  readonly write: (path: string) => Promise<void>;
};
