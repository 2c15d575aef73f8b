import { describe, expect, test } from "bun:test";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { assemble } from "../../src/elf/listing.ts";
import { PAGE_SIZE } from "../../src/elf/pages.ts";
import { checkShape } from "../../src/snapshot/check.ts";
import type { Page } from "../../src/snapshot/memory.ts";
import { type Snapshot, writeSnapshot as write } from "../../src/snapshot/write.ts";

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
const FIRST_PAGE = 0x1000_0000;
const checkpoint = { registers, commandLine: 0x1000, firstPage: FIRST_PAGE };
const nothing = () => undefined;
const writeSnapshot = (pages: readonly Page[], touches: readonly { page: number; byte: number }[] = []) =>
  write(X86_64, pages, checkpoint, touches, nothing);
const loads = ({ bytes }: Snapshot) => new ElfFile("snapshot", bytes).segmentsOf(elf.PT_LOAD);

describe("writing pages as a static executable", () => {
  test("pages side by side with one protection are one segment, and each segment holds its pages' bytes", () => {
    const snapshot = writeSnapshot([page(3, RW), page(1, RX), page(2, RX), page(9, RW)]);
    const segments = loads(snapshot).filter(({ vaddr }) => vaddr !== FIRST_PAGE);
    expect(loads(snapshot).map(({ vaddr }) => vaddr)).toEqual(
      loads(snapshot)
        .map(({ vaddr }) => vaddr)
        .toSorted((a, b) => a - b),
    );
    expect(loads(snapshot).find(({ vaddr }) => vaddr === FIRST_PAGE)).toMatchObject({
      vaddr: FIRST_PAGE,
      flags: RX,
      offset: 0,
      filesz: PAGE_SIZE,
    });
    expect(segments.map(({ vaddr, flags, memsz }) => [(vaddr - BASE) / PAGE_SIZE, flags, memsz / PAGE_SIZE])).toEqual([
      [1, RX, 2],
      [3, RW, 1],
      [9, RW, 1],
    ]);
    for (const { offset, vaddr } of segments) expect(snapshot.bytes[offset]).toBe((vaddr - BASE) / PAGE_SIZE);
  });

  test("it has no interpreter and no dynamic section, and its entry lies behind the program headers", () => {
    const file = new ElfFile("snapshot", writeSnapshot([page(1, RX)]).bytes);
    expect(file.segments.map(({ type }) => type)).toEqual([elf.PT_LOAD, elf.PT_LOAD, elf.PT_GNU_STACK]);
    expect(file.entry).toBe(FIRST_PAGE + elf.EHDR_SIZE + 3 * elf.PHDR_SIZE);
  });

  test("more segments than fit in the first page are refused in words", () => {
    const pages = Array.from({ length: 80 }, (_, index) => page(index * 2, RX));
    expect(() => writeSnapshot(pages)).toThrow("do not fit in the first page");
  });

  test("each page to touch is two instructions more in the stub", () => {
    const [without, with2] = [
      [],
      [
        { page: BASE, byte: 7 },
        { page: BASE + PAGE_SIZE, byte: 0 },
      ],
    ].map((touches) => Buffer.from(writeSnapshot([page(1, RW)], touches).bytes.subarray(0, PAGE_SIZE)));
    const touch = assemble(X86_64.stub.touch, { page: BASE, byte: 7 });
    expect(with2?.includes(touch)).toBe(true);
    expect(without?.includes(touch)).toBe(false);
  });

  test("a segment that can be written and executed, one where stacks go, and an interpreter are refused", () => {
    const good = writeSnapshot([page(1, RX)]);
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
  });
});

/** What a kernel with pages of `size` bytes has at `address` of a snapshot: it maps whole pages of the file, the later segment over the earlier. */
function mapped(
  snapshot: Snapshot,
  address: number,
  size: number,
): { byte: number | undefined; flags: number } | undefined {
  const down = (value: number) => value - (value % size);
  const over = loads(snapshot).findLast(
    ({ vaddr, filesz }) => down(address) >= down(vaddr) && address < down(vaddr + filesz - 1) + size,
  );
  return over === undefined
    ? undefined
    : { byte: snapshot.bytes[down(over.offset) + address - down(over.vaddr)], flags: over.flags };
}

describe("a snapshot for kernels with pages of 4, 16 and 64 kB", () => {
  // Three granules of data, of which two want the same place, and two of code.
  const pages = [page(0x12, RW), page(0x25, RW), page(0x35, RW), page(0x36, RW), page(0x47, RX), page(0x58, RX)];
  const donor = (address: number) => page((address - BASE) / PAGE_SIZE, RW);
  const snapshot = write(AARCH64, pages, checkpoint, [], donor);

  test.each([0x1000, 0x4000, 0x1_0000])(
    "with pages of %i bytes address and offset agree, and each page is there with its bytes and its protection",
    (size) => {
      for (const { vaddr, offset } of loads(snapshot)) expect(vaddr % size).toBe(offset % size);
      for (const { address, flags, bytes } of pages)
        expect(mapped(snapshot, address, size)).toEqual({ byte: bytes[0], flags });
      expect(mapped(snapshot, FIRST_PAGE, size)).toEqual({ byte: 0x7f, flags: RX });
    },
  );

  test("granules share blocks of the file, data with data and code with code", () => {
    const blocks = Map.groupBy(loads(snapshot), ({ offset }) => Math.floor(offset / AARCH64.maxPageSize));
    expect([...blocks.values()].map((members) => new Set(members.map(({ flags }) => flags)).size)).toEqual([1, 1, 1]);
    expect(
      [...blocks.values()].map((members) => members.map(({ vaddr }) => (vaddr - BASE) / PAGE_SIZE)),
    ).toContainEqual([0x12, 0x35]);
  });

  test("beside a page of data lies what the donor has there, and beside a page of code what faults", () => {
    expect(mapped(snapshot, BASE + 0x26 * PAGE_SIZE, 0x1_0000)?.byte).toBe(0x26);
    expect(mapped(snapshot, BASE + 0x49 * PAGE_SIZE, 0x1_0000)).toEqual({ byte: 0, flags: RX });
    expect(mapped(snapshot, BASE + 0x26 * PAGE_SIZE, 0x1000)).toBeUndefined();
  });

  test("two protections in one granule are refused, as a kernel with pages of that size gives it one", () => {
    expect(() => write(AARCH64, [page(0x12, RW), page(0x13, RX)], checkpoint, [], donor)).toThrow(
      "the pages from 0x410000 to 0x420000 have two protections",
    );
    expect(() => write(X86_64, [page(0x12, RW), page(0x13, RX)], checkpoint, [], donor)).not.toThrow();
  });
});
