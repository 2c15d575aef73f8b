import { ImageError } from "./error.ts";

/** The architectures an image can be for: names of the OCI image index (Go's GOARCH), and e_machine of their files (gABI, chapter 4). */
const MACHINES = { amd64: 62, arm64: 183 } as const;

export type Architecture = keyof typeof MACHINES;

export const ARCHITECTURES: readonly Architecture[] = ["amd64", "arm64"];

/** This machine's, by Node's name for it. */
export const HOST: Architecture | undefined = process.arch === "x64" ? "amd64" : process.arch === "arm64" ? "arm64" : undefined;

/** @throws ImageError when the name is none of these. */
export function architecture(name: string): Architecture {
  const found = ARCHITECTURES.find((known) => known === name);
  if (found === undefined) throw new ImageError(`no architecture ${JSON.stringify(name)}; there are ${ARCHITECTURES.join(" and ")}`);
  return found;
}

/** @throws ImageError when the bytes of `path` are no ELF file for this architecture. */
export function checkMachine(path: string, bytes: Uint8Array, architecture: Architecture): void {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elf = bytes.length >= 64 && header.getUint32(0) === 0x7f454c46;
  const machine = elf ? header.getUint16(18, true) : undefined;
  if (machine === MACHINES[architecture]) return;
  throw new ImageError(`${path} is ${elf ? `an ELF file with e_machine ${machine}` : "no ELF file"}, and ${architecture} is ${MACHINES[architecture]}; build it again: bun run build`);
}
