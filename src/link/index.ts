/** The linker as a library: `import { link } from "bun-static"`. */
import { ElfError } from "../elf/file.ts";
import { Interrupted } from "../support/interrupted.ts";
import { findAddons, hasUnanswered } from "./addons.ts";
import type { LinkOptions, StaticExecutable } from "./api.ts";
import { LinkError } from "./error.ts";
import { readInput, writeOutput } from "./file.ts";
import { isOn } from "./flags.ts";
import { checkedDirs, libraryDirs } from "./libraries.ts";
import { type Linked, link as linkWith } from "./link.ts";
import { runtimeVersion } from "./runtime-version.ts";

export type { Addon, LinkOptions, StaticExecutable } from "./api.ts";
export { ElfError, Interrupted, LinkError };

/**
 * Links a Bun executable with libstdc++, libgcc_s and musl into one that has no interpreter (PT_INTERP) and looks for
 * no file. `input` is what `bun build --compile --target=bun-linux-x64-musl` (or -arm64-musl) wrote, or its path; input
 * bytes are not changed. Memory: the file once, or twice for a Bun before 1.3.14, and once more for input bytes.
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
    unanswered: hasUnanswered(linked.payload.bytes),
    addons: findAddons(linked, isOn(options, "addons")),
    toBytes: () => linked.output.toBytes(),
    write: (path) => writeOutput(path, linked.output),
  };
}
