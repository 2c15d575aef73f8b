import type { Architecture } from "../../arch/architecture.ts";
import type { CpuQueries } from "../../snapshot/described-cpu.ts";
import file from "./pin.json";

/**
 * What the bytes of a release depend on besides this repository. `pin.json` has it, and `bun run pin` writes that: the
 * version of Bun; of each runtime (the file `bun` in the npm package @oven/NAME) its SHA-256 and the addresses of the
 * instructions that ask the processor what it is, in hexadecimal; of each library, by the name it is looked for, its
 * SHA-256.
 */
export type Pin = {
  readonly bun: string;
  readonly runtimes: Readonly<
    Record<string, { readonly sha256: string; readonly cpuQueries: Readonly<Record<string, readonly string[]>> }>
  >;
  /** By Debian's name of the architecture: the packages they are from, and the hashes. */
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
 * The packages that the release's libraries are from, and SHA-256 by name.
 * @throws Error when nothing is pinned: a bug.
 */
export const pinnedLibraries = ({ debian }: Architecture) => pin.libraries[debian] ?? missing(debian);

function missing(what: string): never {
  throw new Error(`nothing is pinned for ${what}; run: bun run pin ${PINNED_BUN}`);
}
