import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { hex, type Segment } from "../elf/file.ts";
import { PAGE_SIZE, pageDown, pageUp } from "../elf/pages.ts";
import { sectionsOf, sectionTable } from "../elf/sections.ts";
import { writeHeader, writeSegments } from "../elf/write.ts";
import { MEMBERS_ALIGN, type Members } from "../link/members.ts";
import { UserError } from "../support/error.ts";
import type { Page } from "./memory.ts";
import { COPIED, type Resumption, stub } from "./stub.ts";

/** A snapshot as a file. */
export type Snapshot = { readonly bytes: Uint8Array; readonly segments: readonly Segment[] };

/** A page and its offset in the file. */
type Placed = Pick<Page, "address" | "flags"> & { readonly offset: number };

/** A part of memory as large as the largest page, from `start` on, and its wanted pages. */
type Granule = {
  readonly start: number;
  readonly flags: number;
  readonly pages: readonly Pick<Page, "address" | "flags">[];
};

/** The parts of a snapshot, besides the bytes of its pages. */
export type Parts = {
  /** The address of its first page: ELF header, program headers, stub, the C library's functions, template. */
  readonly firstPage: number;
  /** The pages taken from the donor, by address and protection. */
  readonly pages: readonly Pick<Page, "address" | "flags">[];
  /** Memory that is not in the file and zero at the start: addresses. */
  readonly blank: { readonly start: number; readonly end: number } | undefined;
  readonly members: Members;
  /** Bytes of the template. */
  readonly templateSize: number;
};

/** The place in memory of everything in a snapshot, and its place in the file. */
export class SnapshotLayout {
  /** The addresses of the stub, of the C library's functions, of the template, and of what follows the first page. */
  readonly stubAt: number;
  readonly membersAt: number;
  readonly templateAt: number;
  readonly end: number;
  readonly segments: readonly Segment[];
  private readonly placed: readonly Placed[];

  /** @throws UserError when a kernel with large pages could not map it. */
  constructor(
    private readonly architecture: Architecture,
    private readonly parts: Parts,
    firstSize: number,
  ) {
    const { firstPage, pages, blank, members, templateSize } = parts;
    const { maxPageSize } = architecture;
    const first = Array.from({ length: firstSize / PAGE_SIZE }, (_, index) => ({
      address: firstPage + index * PAGE_SIZE,
      flags: elf.PF_R | elf.PF_X,
    }));
    this.placed = placedIn(granulesOf([...first, ...pages], maxPageSize), firstPage, maxPageSize);
    this.segments = [
      ...segmentsOf(this.placed, maxPageSize),
      ...blankSegment(blank, this.loaded, maxPageSize),
      GNU_STACK,
    ];
    const table = elf.EHDR_SIZE + this.segments.length * elf.PHDR_SIZE;
    this.stubAt = firstPage + pageUp(table, 8);
    this.membersAt = pageUp(this.stubAt + this.stub(NOWHERE).length, MEMBERS_ALIGN);
    this.templateAt = pageUp(this.membersAt + members.size, COPIED);
    this.end = this.templateAt + templateSize;
  }

  /** The address of the C library's function `name`. */
  functionAt(name: string): number {
    return this.membersAt + this.parts.members.offsetOf(name);
  }

  /** @throws UserError when it does not fit into the first page. */
  write(pages: readonly Page[], resumption: Omit<Resumption, "pages">, template: Uint8Array): Snapshot {
    const { firstPage, members } = this.parts;
    const offsets = new Map(this.placed.map(({ address, offset }) => [address, offset]));
    const end = this.loaded;
    const table = elf.EHDR_SIZE + this.segments.length * elf.PHDR_SIZE;
    const sections = sectionTable(sectionsOf(this.segments, table), end);
    const bytes = new Uint8Array(end + sections.bytes.length);
    for (const page of pages) bytes.set(page.bytes, offsets.get(page.address));
    const at = (address: number) => (offsets.get(firstPage) ?? 0) + address - firstPage;
    bytes.set(this.stub(resumption), at(this.stubAt));
    bytes.set(members.bytes(this.membersAt), at(this.membersAt));
    bytes.set(template, at(this.templateAt));
    bytes.set(sections.bytes, end);
    const view = new DataView(bytes.buffer);
    writeHeader(view, {
      machine: this.architecture.machine,
      entry: this.stubAt,
      phoff: elf.EHDR_SIZE,
      phnum: this.segments.length,
      shoff: sections.shoff,
      shnum: sections.shnum,
      shstrndx: sections.shstrndx,
    });
    writeSegments(view, elf.EHDR_SIZE, this.segments);
    return { bytes, segments: this.segments };
  }

  /** The end of the last page in the file. */
  private get loaded(): number {
    return Math.max(...this.placed.map(({ offset }) => offset)) + PAGE_SIZE;
  }

  private stub(resumption: Omit<Resumption, "pages">): Uint8Array {
    const { firstPage } = this.parts;
    const code = this.placed.filter(({ address, flags }) => (flags & elf.PF_X) !== 0 && address !== firstPage);
    return stub(this.architecture, this.stubAt, { ...resumption, pages: code.map(({ address }) => address) });
  }
}

/** Values, all 0, to compute the size of a stub. */
const NOWHERE: Omit<Resumption, "pages"> = {
  registers: new Proxy({}, { get: () => 0n }),
  commandLine: 0,
  copy: { from: 0, to: 0, size: 0 },
};

/** @throws UserError for pages of two protections in one granule, which a kernel with pages that large cannot map. */
function granulesOf(pages: readonly Pick<Page, "address" | "flags">[], maxPageSize: number): Granule[] {
  return [...Map.groupBy(pages, ({ address }) => pageDown(address, maxPageSize))].map(([start, pages]) => {
    const flags = pages[0]?.flags ?? 0;
    if (pages.some((page) => page.flags !== flags))
      throw new UserError(
        `the pages from ${hex(start)} to ${hex(start + maxPageSize)} have two protections, and a kernel with ` +
          "pages of that size can give them only one",
      );
    return { start, flags, pages };
  });
}

/**
 * Address and offset agree modulo the largest page of any kernel. Each granule has its own block of the file, after
 * that of the first page, which contains the ELF header.
 */
function placedIn(granules: readonly Granule[], firstPage: number, maxPageSize: number): Placed[] {
  const first = ({ start }: Granule) => Number(start === pageDown(firstPage, maxPageSize));
  return granules
    .toSorted((a, b) => first(b) - first(a) || a.start - b.start)
    .flatMap(({ start, pages }, block) =>
      pages.map((page) => ({ ...page, offset: block * maxPageSize + page.address - start })),
    );
}

/** Memory that is zero at the start and not in the file. Its offset stays within the file's `end`. */
const blankSegment = (blank: Parts["blank"], end: number, align: number): Segment[] =>
  blank === undefined
    ? []
    : [{ ...load(blank.start, elf.PF_R | elf.PF_W, pageDown(end, align), 0, align), memsz: blank.end - blank.start }];

/** Makes one segment of pages that are adjacent in memory and in the file and have the same protection. */
function segmentsOf(pages: readonly Placed[], align: number): Segment[] {
  const segments: Segment[] = [];
  for (const { address, offset, flags } of pages.toSorted((a, b) => a.address - b.address)) {
    const last = segments.at(-1);
    if (
      last !== undefined &&
      last.vaddr + last.filesz === address &&
      last.offset + last.filesz === offset &&
      last.flags === flags
    ) {
      segments[segments.length - 1] = load(last.vaddr, flags, last.offset, last.filesz + PAGE_SIZE, align);
    } else segments.push(load(address, flags, offset, PAGE_SIZE, align));
  }
  return segments;
}

/** Requests a stack that is not executable, as every program today does. */
const GNU_STACK: Segment = {
  type: elf.PT_GNU_STACK,
  flags: elf.PF_R | elf.PF_W,
  offset: 0,
  vaddr: 0,
  filesz: 0,
  memsz: 0,
  align: 16,
};

const load = (vaddr: number, flags: number, offset: number, size: number, align: number): Segment => ({
  ...{ type: elf.PT_LOAD, flags, offset, vaddr, filesz: size, memsz: size, align },
});
