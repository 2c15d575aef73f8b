import type { Architecture } from "../../arch/architecture.ts";
import type { CpuQueries } from "../../snapshot/described-cpu.ts";
import file from "./pin.json";

/**
 * The inputs outside this repository that the bytes of a release depend on. `bun run pin` writes them to `pin.json`:
 * the version of Bun; for each runtime (the file `bun` in the npm package @oven/NAME) its SHA-256, and the addresses of
 * the instructions that query the processor, in hexadecimal; for each library, by its soname, its SHA-256.
 */
export type Pin = {
  readonly bun: string;
  readonly runtimes: Readonly<
    Record<string, { readonly sha256: string; readonly cpuQueries: Readonly<Record<string, readonly string[]>> }>
  >;
  /** By Debian's name of the architecture: the packages with their versions, and the hashes by soname. */
  readonly libraries: Readonly<
    Record<string, { readonly packages: readonly string[]; readonly sha256: Readonly<Record<string, string>> }>
  >;
};

const pin: Pin = file;

export const PINNED_BUN = pin.bun;

/** @throws Error when nothing is pinned for `architecture`: a bug. */
export function pinnedRuntime({ bunPackage }: Architecture): {
  readonly sha256: string;
  readonly cpuQueries: CpuQueries;
} {
  const { sha256, cpuQueries } = pin.runtimes[bunPackage] ?? missing(bunPackage);
  return {
    sha256,
    cpuQueries: Object.fromEntries(Object.entries(cpuQueries).map(([name, places]) => [name, places.map(Number)])),
  };
}

/**
 * Returns the packages of the release's libraries, and SHA-256 by soname.
 * @throws Error when nothing is pinned: a bug.
 */
export const pinnedLibraries = ({ debian }: Architecture) => pin.libraries[debian] ?? missing(debian);

function missing(what: string): never {
  throw new Error(`nothing is pinned for ${what}; run: bun run pin ${PINNED_BUN}`);
}
