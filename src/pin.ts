import type { Architecture } from "./arch/architecture.ts";
import pin from "./pin.json";
import type { Questions } from "./snapshot/described-cpu.ts";

/**
 * What the bytes of the release depend on besides this repository, in `pin.json`, which `bun run pin` writes: the version
 * of Bun, and of each runtime, the file `bun` in the npm package @oven/TARGET, its SHA-256 and the addresses of the
 * instructions that ask the processor what it is.
 */
export const PINNED_BUN = pin.bun;

export type PinnedRuntime = { readonly sha256: string; readonly questions: Questions };

/** @throws Error when nothing is pinned for `architecture`, which is a bug. */
export function pinnedRuntime({ bunTarget }: Architecture): PinnedRuntime {
  const runtimes: Readonly<Record<string, { sha256: string; questions: Record<"cpuid" | "xgetbv", string[]> }>> = pin.runtimes;
  const found = runtimes[bunTarget];
  if (found === undefined) throw new Error(`no runtime is pinned for ${bunTarget}`);
  const { sha256, questions } = found;
  return { sha256, questions: { cpuid: questions.cpuid.map(Number), xgetbv: questions.xgetbv.map(Number) } };
}
