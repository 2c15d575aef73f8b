import { describe, expect, test } from "bun:test";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { PAGE_SIZE } from "../../src/elf/x86-64.ts";
import { checkShape } from "../../src/snapshot/check.ts";
import { assemble } from "../../src/elf/listing.ts";
import { TOUCH_LISTING } from "../../src/snapshot/stub.ts";
import type { Page } from "../../src/snapshot/memory.ts";
import { FIRST_PAGE, type Snapshot, writeSnapshot } from "../../src/snapshot/write.ts";

const RX = elf.PF_R | elf.PF_X;
const RW = elf.PF_R | elf.PF_W;
const BASE = 0x40_0000;

const page = (number: number, flags: number): Page => ({ address: BASE + number * PAGE_SIZE, flags, bytes: new Uint8Array(PAGE_SIZE).fill(number) });
const checkpoint = { registers: new BigUint64Array(27), commandLine: 0x1000 };
const loads = ({ bytes }: Snapshot) => new ElfFile("snapshot", bytes).segmentsOf(elf.PT_LOAD);

describe("writing pages as a static executable", () => {
  test("pages side by side with one protection are one segment, and each segment holds its pages' bytes", () => {
    const snapshot = writeSnapshot([page(3, RW), page(1, RX), page(2, RX), page(9, RW)], checkpoint, []);
    const segments = loads(snapshot).filter(({ vaddr }) => vaddr !== FIRST_PAGE);
    expect(loads(snapshot).map(({ vaddr }) => vaddr)).toEqual(loads(snapshot).map(({ vaddr }) => vaddr).toSorted((a, b) => a - b));
    expect(loads(snapshot).find(({ vaddr }) => vaddr === FIRST_PAGE)).toMatchObject({ vaddr: FIRST_PAGE, flags: RX, offset: 0, filesz: PAGE_SIZE });
    expect(segments.map(({ vaddr, flags, memsz }) => [(vaddr - BASE) / PAGE_SIZE, flags, memsz / PAGE_SIZE])).toEqual([
      [1, RX, 2],
      [3, RW, 1],
      [9, RW, 1],
    ]);
    for (const { offset, vaddr } of segments) expect(snapshot.bytes[offset]).toBe((vaddr - BASE) / PAGE_SIZE);
  });

  test("it has no interpreter and no dynamic section, and its entry lies behind the program headers", () => {
    const file = new ElfFile("snapshot", writeSnapshot([page(1, RX)], checkpoint, []).bytes);
    expect(file.segments.map(({ type }) => type)).toEqual([elf.PT_LOAD, elf.PT_LOAD, elf.PT_GNU_STACK]);
    expect(file.entry).toBe(FIRST_PAGE + elf.EHDR_SIZE + 3 * elf.PHDR_SIZE);
  });

  test("more segments than fit in the first page are refused in words", () => {
    const pages = Array.from({ length: 80 }, (_, index) => page(index * 2, RX));
    expect(() => checkShape(writeSnapshot(pages, checkpoint, []))).toThrow("do not fit in the first page");
  });

  test("each page to touch is two instructions more in the stub", () => {
    const [without, with2] = [[], [{ page: BASE, byte: 7 }, { page: BASE + PAGE_SIZE, byte: 0 }]].map((touches) => Buffer.from(writeSnapshot([page(1, RW)], checkpoint, touches).bytes.subarray(0, PAGE_SIZE)));
    const touch = assemble(TOUCH_LISTING, { page: BASE, byte: 7 });
    expect(with2?.includes(touch)).toBe(true);
    expect(without?.includes(touch)).toBe(false);
  });

  test("a segment that can be written and executed, one where stacks go, and an interpreter are refused", () => {
    const good = writeSnapshot([page(1, RX)], checkpoint, []);
    const [first, second] = good.segments;
    if (first === undefined || second === undefined) throw new Error("two segments were written");
    const shape = (segment: Partial<typeof first>): Snapshot => ({ bytes: good.bytes, segments: [{ ...first, ...segment }, second] });
    expect(() => checkShape(shape({}))).not.toThrow();
    expect(() => checkShape(shape({ flags: RX | RW }))).toThrow("can be written and executed");
    expect(() => checkShape(shape({ vaddr: 0x7fff_0000_0000 }))).toThrow("where a kernel may put the stack");
    expect(() => checkShape(shape({ vaddr: 0x20_0000 }))).toThrow("lies below 4 MiB");
    expect(() => checkShape(shape({ type: elf.PT_INTERP }))).toThrow("no interpreter");
  });
});
