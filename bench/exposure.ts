import { architectureOf } from "../src/arch/architectures.ts";
import * as elf from "../src/elf/constants.ts";
import type { ElfFile } from "../src/elf/file.ts";
import { findCallSites } from "../src/explain/call-sites.ts";
import { UserError } from "../src/support/error.ts";

/** Of a file: bytes, executable bytes, kernel entries in those, and segments both writable and executable. */
export type Exposure = {
  readonly bytes: number;
  readonly executable: number;
  readonly places: number;
  readonly writableCode: number;
};

/** @throws UserError for a program of an unknown architecture. */
export function exposureOf(file: ElfFile): Exposure {
  const architecture = architectureOf(file.machine);
  if (architecture === undefined) throw new UserError(`${file.name}: unknown architecture (e_machine ${file.machine})`);
  const executable = file.segmentsOf(elf.PT_LOAD).filter(({ flags }) => (flags & elf.PF_X) !== 0);
  const code = executable.map(({ vaddr, offset, filesz, flags }) => ({
    address: vaddr,
    flags,
    bytes: file.bytes.subarray(offset, offset + filesz),
  }));
  return {
    bytes: file.bytes.length,
    executable: code.reduce((sum, { bytes }) => sum + bytes.length, 0),
    places: findCallSites(architecture, code).length,
    writableCode: executable.filter(({ flags }) => (flags & elf.PF_W) !== 0).length,
  };
}
