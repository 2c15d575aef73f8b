import type { Architecture } from "../arch/architecture.ts";
/** Code that lies at `address`. */
export type Code = { readonly address: number; readonly bytes: Uint8Array };

/**
 * The places in executable `pages` that enter the kernel, as the architecture's record has the bytes. Where
 * instructions can begin at any byte, that is any byte, and an instruction may go over the end of a page into the next
 * one.
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

/** Pages that lie side by side, in one piece. */
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
