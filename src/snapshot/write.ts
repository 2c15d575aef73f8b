import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { hex, type Segment } from "../elf/file.ts";
import { PAGE_SIZE, pageDown } from "../elf/pages.ts";
import { sectionsOf, sectionTable } from "../elf/sections.ts";
import { writeHeader, writeSegments } from "../elf/write.ts";
import { UserError } from "../support/error.ts";
import type { Page } from "./memory.ts";
import { type Checkpoint, stub, type Touch } from "./stub.ts";

/** A snapshot as a file. */
export type Snapshot = { readonly bytes: Uint8Array; readonly segments: readonly Segment[] };

/** A page and its offset in the file. */
type Placed = Page & { readonly offset: number };

/** A part of the file as large as the largest page, and the granules of memory that it is mapped to. */
type Block = { readonly executable: boolean; readonly granules: readonly Granule[] };

/** As much of memory as the largest page covers, from `start` on, and the pages of it that are wanted. */
type Granule = { readonly start: number; readonly flags: number; readonly pages: readonly Page[] };

/**
 * The static executable that holds `pages`, starts with the stub for `checkpoint`, and writes to `touches` before it goes
 * on. A kernel with large pages maps what lies around a page, too: `beside` knows what the donor has there.
 * @throws UserError where such a kernel could not map it.
 */
export function writeSnapshot(
  architecture: Architecture,
  pages: readonly Page[],
  checkpoint: Checkpoint,
  touches: readonly Touch[],
  beside: (address: number) => Page | undefined,
): Snapshot {
  const { maxPageSize } = architecture;
  const { firstPage } = checkpoint;
  const blank: Page = { address: firstPage, flags: elf.PF_R | elf.PF_X, bytes: new Uint8Array(PAGE_SIZE) };
  const blocks = blocksOf(granulesOf([blank, ...pages], maxPageSize), firstPage);
  const placed = blocks.flatMap(({ granules }, block) =>
    granules.flatMap(({ start, pages }) =>
      pages.map((page) => ({ ...page, offset: block * maxPageSize + page.address - start })),
    ),
  );
  const segments = [...segmentsOf(placed, maxPageSize), GNU_STACK];
  const table = elf.EHDR_SIZE + segments.length * elf.PHDR_SIZE;
  const filling = blocks.flatMap((block, index) =>
    fill(block, maxPageSize, beside).map(({ place, bytes }) => ({ bytes, offset: index * maxPageSize + place })),
  );
  const all = [...placed, ...filling];
  const end = Math.max(...all.map(({ offset }) => offset)) + PAGE_SIZE;
  const sections = sectionTable(sectionsOf(segments, table), end);
  const bytes = new Uint8Array(end + sections.bytes.length);
  bytes.set(sections.bytes, end);
  for (const page of all) bytes.set(page.bytes, page.offset);
  const code = stub(architecture, firstPage + table, checkpoint, touches);
  if (table + code.length > PAGE_SIZE) {
    throw new UserError(
      `${segments.length} program headers and the stub do not fit in the first page, and kernels to 6.1 refuse more than a page of headers`,
    );
  }
  bytes.set(code, table);
  const view = new DataView(bytes.buffer);
  writeHeader(view, {
    machine: architecture.machine,
    entry: firstPage + table,
    phoff: elf.EHDR_SIZE,
    phnum: segments.length,
    shoff: sections.shoff,
    shnum: sections.shnum,
    shstrndx: sections.shstrndx,
  });
  writeSegments(view, elf.EHDR_SIZE, segments);
  return { bytes, segments };
}

/** @throws UserError for pages of two protections in one granule, which a kernel with pages that large cannot give them. */
function granulesOf(pages: readonly Page[], maxPageSize: number): Granule[] {
  return [...Map.groupBy(pages, ({ address }) => pageDown(address, maxPageSize))].map(([start, pages]) => {
    const flags = pages[0]?.flags ?? 0;
    if (pages.some((page) => page.flags !== flags))
      throw new UserError(
        `the pages from ${hex(start)} to ${hex(start + maxPageSize)} have two protections; a kernel with pages of that size gives them one`,
      );
    return { start, flags, pages };
  });
}

/**
 * Address and offset agree modulo the largest page of any kernel. Granules share a block of the file where the pages of
 * each leave the others' places free, code with code and data with data; the fullest ones choose first, behind the one
 * that has the ELF header.
 */
function blocksOf(granules: readonly Granule[], firstPage: number): Block[] {
  const blocks: { executable: boolean; granules: Granule[] }[] = [];
  const first = (granule: Granule) => Number(granule.start === firstPage);
  for (const granule of granules.toSorted(
    (a, b) => first(b) - first(a) || b.pages.length - a.pages.length || a.start - b.start,
  )) {
    const executable = (granule.flags & elf.PF_X) !== 0;
    const block = blocks.find(
      (block) => block.executable === executable && placesOf(block).isDisjointFrom(placesOf({ granules: [granule] })),
    );
    if (block === undefined) blocks.push({ executable, granules: [granule] });
    else block.granules.push(granule);
  }
  return blocks;
}

/** The places in a block that are taken, in bytes from its start. */
const placesOf = ({ granules }: Pick<Block, "granules">): Set<number> =>
  new Set(granules.flatMap(({ start, pages }) => pages.map(({ address }) => address - start)));

/**
 * What stands in the places of a block that no page wants: of data the donor's, since zeros could be taken for an answer;
 * of code zeros, which are an instruction that faults.
 */
function fill(
  block: Block,
  maxPageSize: number,
  beside: (address: number) => Page | undefined,
): { readonly place: number; readonly bytes: Uint8Array }[] {
  if (block.executable) return [];
  const taken = placesOf(block);
  const free = Array.from({ length: maxPageSize / PAGE_SIZE }, (_, index) => index * PAGE_SIZE).filter(
    (place) => !taken.has(place),
  );
  return free.flatMap((place) => {
    const [page] = block.granules.map(({ start }) => beside(start + place)).filter((page) => page !== undefined);
    return page === undefined ? [] : [{ place, bytes: page.bytes }];
  });
}

/** Pages that lie side by side in memory and in the file, with the same protection, make one segment. */
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

/** Asks for a stack that is not executable, as every program today does. */
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
