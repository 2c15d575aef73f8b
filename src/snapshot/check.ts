import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { hex, type Segment } from "../elf/file.ts";
import { PAGE_SIZE } from "../elf/pages.ts";
import { UserError } from "../support/error.ts";
import type { Snapshot } from "./write.ts";

/** The `vm.mmap_min_addr` of hardened kernels; an ordinary C program starts at 4 MiB. */
const LOWEST_ADDRESS = 0x40_0000;

/** @throws UserError when some kernel could not start `snapshot`, or when it breaks what a hardened node requires. */
export function checkShape({ highestAddress }: Architecture, { segments }: Snapshot): void {
  const table = elf.EHDR_SIZE + segments.length * elf.PHDR_SIZE;
  if (table > PAGE_SIZE) {
    throw new UserError(
      `${segments.length} program headers do not fit in a page with the ELF header, and kernels up to 6.1 refuse more`,
    );
  }
  for (const segment of segments) checkSegment(highestAddress, segment);
}

function checkSegment(highestAddress: number, { type, flags, vaddr, memsz }: Segment): void {
  if (type !== elf.PT_LOAD && type !== elf.PT_GNU_STACK)
    throw new UserError(`a program header of type ${hex(type)}: a snapshot has no interpreter and no dynamic section`);
  if (type === elf.PT_LOAD && flags & elf.PF_W && flags & elf.PF_X)
    throw new UserError(`the segment at ${hex(vaddr)} can be written and executed`);
  if (vaddr + memsz > highestAddress)
    throw new UserError(
      `the segment at ${hex(vaddr)} lies where a kernel may put the stack; give the donor's mappings lower addresses`,
    );
  if (type === elf.PT_LOAD && vaddr < LOWEST_ADDRESS)
    throw new UserError(
      `the segment at ${hex(vaddr)} lies below 4 MiB, where a kernel may map nothing (vm.mmap_min_addr)`,
    );
}
