import { describe, expect, test } from "bun:test";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { installedArchive } from "../../src/build/debian/archive.ts";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { assemble } from "../../src/elf/listing.ts";
import { PAGE_SIZE } from "../../src/elf/pages.ts";
import { Members } from "../../src/link/members.ts";
import { checkShape } from "../../src/snapshot/check.ts";
import type { Page } from "../../src/snapshot/memory.ts";
import { type Snapshot, SnapshotLayout } from "../../src/snapshot/write.ts";

const RX = elf.PF_R | elf.PF_X;
const RW = elf.PF_R | elf.PF_W;
const BASE = 0x40_0000;

const page = (number: number, flags: number): Page => ({
  address: BASE + number * PAGE_SIZE,
  flags,
  bytes: new Uint8Array(PAGE_SIZE).fill(number),
});
/** Registers of both architectures, all 0. */
const registers = Object.fromEntries(
  [X86_64, AARCH64].flatMap(({ processor }) => [...processor.registers.keys()]).map((name) => [name, 0n]),
);
const members = new Members(X86_64, installedArchive(X86_64), ["getpid"]);
const template = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
const blank = { start: 0x1100_0000, end: 0x1100_0800 };
const loads = ({ bytes }: Snapshot) => new ElfFile("snapshot", bytes).segmentsOf(elf.PT_LOAD);

function layoutOf(architecture: typeof X86_64, pages: readonly Page[], firstPage: number): SnapshotLayout {
  return new SnapshotLayout(architecture, { firstPage, pages, blank, members, templateSize: 64 }, PAGE_SIZE);
}

function write(architecture: typeof X86_64, pages: readonly Page[], firstPage = BASE): Snapshot {
  const layout = layoutOf(architecture, pages, firstPage);
  const copy = { from: layout.templateAt, to: blank.end - 64, size: 64 };
  return layout.write(pages, { registers, commandLine: blank.start, copy }, template);
}

describe("writing pages as a static executable", () => {
  test("adjacent pages with one protection form one segment, the first page's among them", () => {
    const snapshot = write(X86_64, [page(3, RW), page(1, RX), page(2, RX), page(9, RW)]);
    expect(loads(snapshot).map(({ vaddr, flags, filesz, memsz }) => [vaddr, flags, filesz, memsz])).toEqual([
      [BASE, RX, 3 * PAGE_SIZE, 3 * PAGE_SIZE],
      [BASE + 3 * PAGE_SIZE, RW, PAGE_SIZE, PAGE_SIZE],
      [BASE + 9 * PAGE_SIZE, RW, PAGE_SIZE, PAGE_SIZE],
      [blank.start, RW, 0, 0x800],
    ]);
    expect(snapshot.bytes[PAGE_SIZE]).toBe(1);
    expect(snapshot.bytes[2 * PAGE_SIZE]).toBe(2);
  });

  test("its first page has the stub, the C library's functions and the template, where the layout says", () => {
    const layout = layoutOf(X86_64, [page(1, RX)], BASE);
    const snapshot = write(X86_64, [page(1, RX)]);
    const file = new ElfFile("snapshot", snapshot.bytes);
    const at = (address: number, size: number) =>
      snapshot.bytes.subarray(file.offsetOf(address, size), file.offsetOf(address, size) + size);
    expect(file.entry).toBe(layout.stubAt);
    expect(at(layout.functionAt("getpid"), members.size)).toEqual(members.bytes(layout.functionAt("getpid")));
    expect(at(layout.templateAt, 64)).toEqual(template);
    expect(layout.end).toBe(layout.templateAt + 64);
    expect(file.segments.map(({ type }) => type)).toEqual([elf.PT_LOAD, elf.PT_LOAD, elf.PT_GNU_STACK]);
  });

  test("each further page of code is touched before anything else, so that none is read from a disk later", () => {
    const snapshot = Buffer.from(write(X86_64, [page(1, RX), page(2, RX), page(5, RW)]).bytes);
    const looks = [1, 2].map((number) => assemble(X86_64.stub.look, { page: BASE + number * PAGE_SIZE }));
    const { entry } = new ElfFile("snapshot", snapshot);
    expect(snapshot.subarray(entry - BASE).indexOf(Buffer.concat(looks))).toBe(0);
    expect(snapshot.includes(assemble(X86_64.stub.look, { page: BASE + 5 * PAGE_SIZE }))).toBe(false);
  });

  test("refuses a segment that is writable and executable, one where stacks go, an interpreter, and too many segments", () => {
    const good = write(X86_64, [page(1, RX)]);
    const [first, second] = good.segments;
    if (first === undefined || second === undefined) throw new Error("two segments were written");
    const shape = (segment: Partial<typeof first>): Snapshot => ({
      bytes: good.bytes,
      segments: [{ ...first, ...segment }, second],
    });
    expect(() => checkShape(X86_64, shape({}))).not.toThrow();
    expect(() => checkShape(X86_64, shape({ flags: RX | RW }))).toThrow("can be written and executed");
    expect(() => checkShape(X86_64, shape({ vaddr: 0x7fff_0000_0000 }))).toThrow("where a kernel may put the stack");
    expect(() => checkShape(X86_64, shape({ vaddr: 0x20_0000 }))).toThrow("lies below 4 MiB");
    expect(() => checkShape(X86_64, shape({ type: elf.PT_INTERP }))).toThrow("no interpreter");
    const many = { ...good, segments: Array.from({ length: 80 }, () => first) };
    expect(() => checkShape(X86_64, many)).toThrow("do not fit in a page");
  });
});

describe("a snapshot for kernels with pages of 4, 16 and 64 kB", () => {
  const FIRST = BASE + 0x13 * PAGE_SIZE;
  const pages = [page(0x14, RX), page(0x15, RX), page(0x32, RW)];
  const snapshot = write(AARCH64, pages, FIRST);

  test.each([0x1000, 0x4000, 0x1_0000])(
    "with pages of %i bytes address and offset agree, and each page keeps its bytes and its protection",
    (size) => {
      for (const { vaddr, offset, filesz } of loads(snapshot)) if (filesz > 0) expect(vaddr % size).toBe(offset % size);
      for (const { address, flags, bytes } of pages) {
        const home = loads(snapshot).find(({ vaddr, filesz }) => address >= vaddr && address < vaddr + filesz);
        expect(home?.flags).toBe(flags);
        expect(snapshot.bytes[(home?.offset ?? 0) + address - (home?.vaddr ?? 0)]).toBe(bytes[0] ?? -1);
      }
    },
  );

  test("what a kernel with large pages maps before the first page is the ELF header and zeros, which fault as code", () => {
    const [code] = loads(snapshot).filter(({ flags }) => flags === RX);
    const table = elf.EHDR_SIZE + snapshot.segments.length * elf.PHDR_SIZE;
    expect(code?.offset).toBe(3 * PAGE_SIZE);
    expect(snapshot.bytes.subarray(table, code?.offset).every((byte) => byte === 0)).toBe(true);
  });

  test("two protections in one granule are refused, because a kernel with pages of that size can give it only one", () => {
    expect(() => write(AARCH64, [page(0x12, RW), page(0x14, RX)], FIRST)).toThrow(
      "the pages from 0x410000 to 0x420000 have two protections",
    );
  });
});
