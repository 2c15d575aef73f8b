import type { Architecture } from "../arch/architecture.ts";
import { type ElfFile, hex } from "../elf/file.ts";
import { PAGE_SIZE, pageDown } from "../elf/pages.ts";
import { MEMBERS_ALIGN, type Members } from "../link/members.ts";
import { UserError } from "../support/error.ts";

/** A function of the C library's. Its address and size in bytes. */
export type Named = { readonly name: string; readonly address: number; readonly size: number };

/** Where in a snapshot's first page lies what the build put there: addresses. */
export type FirstPage = {
  /** Of the page, and of the code that the kernel enters. */
  readonly start: number;
  readonly stub: number;
  /** The C library's functions, and where they end: the template follows. */
  readonly functions: readonly Named[];
  readonly functionsAt: number;
  readonly functionsEnd: number;
};

/**
 * Finds the functions of `members` behind the entry of `file`: byte for byte as the archive has them, relocated for
 * where they lie.
 * @throws UserError where they are not there: the file is of another build.
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
    `${file.name}: the functions of libc.a do not lie behind its entry, ${hex(file.entry)}; ` +
      "it is of another build, or the archive is another: build again",
  );
}
