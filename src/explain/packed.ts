import type { Architecture } from "../arch/architecture.ts";
import { type ElfFile, hex } from "../elf/file.ts";
import { PAGE_SIZE, pageDown } from "../elf/pages.ts";
import { MEMBERS_ALIGN, type Members } from "../link/members.ts";
import { UserError } from "../support/error.ts";

/** A function of the C library. Address and size in bytes. */
export type Named = { readonly name: string; readonly address: number; readonly size: number };

/** The addresses in a snapshot's first page of what the build put there. */
export type FirstPage = {
  /** The start of the page, and of the code that the kernel enters. */
  readonly start: number;
  readonly stub: number;
  /** The C library's functions, and their end, which the template follows. */
  readonly functions: readonly Named[];
  readonly functionsAt: number;
  readonly functionsEnd: number;
};

/**
 * Finds the functions of `members` after the entry of `file`: byte for byte as in the archive, relocated for their
 * addresses.
 * @throws UserError when they are not there: the file is from another build.
 */
export function firstPageOf({ maxPageSize }: Architecture, file: ElfFile, members: Members): FirstPage {
  const end = pageDown(file.entry, PAGE_SIZE) + Math.min(2 * PAGE_SIZE, maxPageSize);
  for (let at = file.entry - (file.entry % MEMBERS_ALIGN); at + members.size <= end; at += MEMBERS_ALIGN) {
    if (!file.loads(at, members.size)) break;
    const offset = file.offsetOf(at, members.size);
    if (!Buffer.from(members.bytes(at)).equals(file.bytes.subarray(offset, offset + members.size))) continue;
    return {
      start: pageDown(file.entry, PAGE_SIZE),
      stub: file.entry,
      functions: members.functions().map(({ name, offset, size }) => ({ name, address: at + offset, size })),
      functionsAt: at,
      functionsEnd: at + members.size,
    };
  }
  throw new UserError(
    `${file.name}: the functions of libc.a do not follow its entry, ${hex(file.entry)}; ` +
      "the file or the archive is of another build: build again",
  );
}
