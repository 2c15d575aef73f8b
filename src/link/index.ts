/** The linker as a library: `import { link } from "pause/link"`. */
import { ElfError } from "../elf/file.ts";
import { type Addon, findAddons } from "./addons.ts";
import { LinkError } from "./error.ts";
import { readInput, writeOutput } from "./file.ts";
import { type GivenFlags, isOn } from "./flags.ts";
import { checkedDirs, libraryDirs } from "./libraries.ts";
import { type Linked, link as linkWith } from "./link.ts";
import { runtimeVersion } from "./runtime-version.ts";
import { Interrupted } from "./signals.ts";

export { type Addon, ElfError, Interrupted, LinkError };

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

/**
 * Links a Bun executable with libstdc++, libgcc_s and musl into one that has no interpreter (PT_INTERP) and looks for
 * no file. `input` is what `bun build --compile --target=bun-linux-x64-musl` (or -arm64-musl) wrote, or its path; bytes
 * are left as they are.
 * Memory: the file once, or twice for a Bun before 1.3.14, and once more for bytes.
 * @throws LinkError or ElfError, with what was found and what to do, when it cannot be linked.
 */
export function link(input: string | Uint8Array, options: LinkOptions = {}): StaticExecutable {
  const name = options.name ?? (typeof input === "string" ? input : "the executable");
  const bytes = typeof input === "string" ? readInput(input) : new Uint8Array(input);
  const dirs = checkedDirs(options.libraryDirs ?? []);
  const linked: Linked = linkWith(name, bytes, (architecture) => [...dirs, ...libraryDirs(architecture)], options);
  return {
    size: linked.output.size,
    libraries: linked.libraries,
    target: linked.architecture.bunTarget,
    bun: runtimeVersion(bytes),
    bundled: linked.payload.kind !== "none",
    addons: findAddons(linked, isOn(options, "addons")),
    toBytes: () => linked.output.toBytes(),
    write: (path) => writeOutput(path, linked.output),
  };
}
