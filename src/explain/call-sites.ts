import type { Architecture } from "../arch/architecture.ts";
/** Code at `address`. */
export type Code = { readonly address: number; readonly bytes: Uint8Array };

/**
 * The places in executable `pages` that enter the kernel, by the byte patterns in the architecture's record. If
 * instructions can begin at any byte, every byte is searched. An instruction may cross into the next page.
 */
export function findCallSites(
  { processor: { kernelEntries, instructionAlignment } }: Architecture,
  pages: readonly Code[],
): { address: number; bytes: string }[] {
  return runsOf(pages)
    .flatMap(({ address, bytes }) =>
      kernelEntries.flatMap(({ name, matches, size }) =>
        Array.from(
          { length: Math.floor((bytes.length - size) / instructionAlignment) + 1 },
          (_, index) => index * instructionAlignment,
        )
          .filter((at) => matches(bytes.subarray(at, at + size)))
          .map((at) => ({ address: address + at, bytes: name })),
      ),
    )
    .toSorted((one, other) => one.address - other.address);
}

/** Joins adjacent pages. */
function runsOf(pages: readonly Code[]): { address: number; bytes: Buffer }[] {
  const runs: { address: number; bytes: Buffer }[] = [];
  for (const { address, bytes } of pages.toSorted((one, other) => one.address - other.address)) {
    const last = runs.at(-1);
    if (last !== undefined && last.address + last.bytes.length === address)
      last.bytes = Buffer.concat([last.bytes, bytes]);
    else runs.push({ address, bytes: Buffer.from(bytes) });
  }
  return runs;
}
