import { architectureOf, HOST as RECORD, ARCHITECTURES as RECORDS } from "../../arch/architectures.ts";
import { ImageError } from "./error.ts";

/** The architectures an image can be for, as the OCI image index names them (Go's GOARCH), in its order. */
export const ARCHITECTURES: readonly string[] = RECORDS.map(({ debian }) => debian);

/** This machine's, if it is one of them. */
export const HOST = RECORD?.debian;

/** @throws ImageError when the name is not one of these. */
export function checkArchitecture(name: string): string {
  if (ARCHITECTURES.includes(name)) return name;
  throw new ImageError(`unknown architecture ${JSON.stringify(name)}; name one of ${ARCHITECTURES.join(", ")}`);
}

/**
 * @throws ImageError when the bytes of `path` are not an ELF file (gABI, chapter 4: e_ident, e_machine) for this
 * architecture.
 */
export function checkMachine(path: string, bytes: Uint8Array, architecture: string): void {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const machine = bytes.length >= 64 && header.getUint32(0) === 0x7f454c46 ? header.getUint16(18, true) : undefined;
  const found = machine === undefined ? undefined : architectureOf(machine);
  if (found?.debian === architecture) return;
  const is = machine === undefined ? "not an ELF file" : `an ELF file for ${found?.debian ?? `e_machine ${machine}`}`;
  throw new ImageError(`${path} is ${is}, but must be one for ${architecture}; build it again: bun run build`);
}
