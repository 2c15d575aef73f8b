import { describe, expect, test } from "bun:test";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { PAGE_SIZE } from "../../src/elf/x86-64.ts";
import { checkShape } from "../../src/snapshot/check.ts";
import { SnapshotError } from "../../src/snapshot/error.ts";
import type { Page } from "../../src/snapshot/memory.ts";
import { closeGaps, FIRST_PAGE, type Snapshot, writeSnapshot } from "../../src/snapshot/write.ts";

const RX = elf.PF_R | elf.PF_X;
const RW = elf.PF_R | elf.PF_W;
const BASE = 0x40_0000;

const page = (number: number, flags: number): Page => ({ address: BASE + number * PAGE_SIZE, flags, bytes: new Uint8Array(PAGE_SIZE).fill(number) });
const checkpoint = { registers: new BigUint64Array(27), info: 0x1000 };
const loads = ({ bytes }: Snapshot) => new ElfFile("snapshot", bytes).segmentsOf(elf.PT_LOAD);

describe("writing pages as a static executable", () => {
  test("pages side by side with one protection are one segment, and each segment holds its pages' bytes", () => {
    const snapshot = writeSnapshot([page(3, RW), page(1, RX), page(2, RX), page(9, RW)], checkpoint);
    const [first, ...segments] = loads(snapshot);
    expect(first).toMatchObject({ vaddr: FIRST_PAGE, flags: RX, offset: 0, filesz: PAGE_SIZE });
    expect(segments.map(({ vaddr, flags, memsz }) => [(vaddr - BASE) / PAGE_SIZE, flags, memsz / PAGE_SIZE])).toEqual([
      [1, RX, 2],
      [3, RW, 1],
      [9, RW, 1],
    ]);
    for (const { offset, vaddr } of segments) expect(snapshot.bytes[offset]).toBe((vaddr - BASE) / PAGE_SIZE);
  });

  test("it has no interpreter and no dynamic section, and its entry lies behind the program headers", () => {
    const file = new ElfFile("snapshot", writeSnapshot([page(1, RX)], checkpoint).bytes);
    expect(file.segments.map(({ type }) => type)).toEqual([elf.PT_LOAD, elf.PT_LOAD, elf.PT_GNU_STACK]);
    expect(file.entry).toBe(FIRST_PAGE + elf.EHDR_SIZE + 3 * elf.PHDR_SIZE);
  });

  test("gaps are closed, the smallest first, until the headers fit in the first page", () => {
    // 80 segments of one page; gaps of 1 page behind the first thirty, of 3 pages behind the others.
    const pages = Array.from({ length: 80 }, (_, index) => page(index < 30 ? index * 2 : 60 + (index - 30) * 4, RX));
    const filled = closeGaps(pages, checkpoint, (address) => page((address - BASE) / PAGE_SIZE, RX));
    const snapshot = writeSnapshot(filled, checkpoint);
    expect(() => checkShape(snapshot)).not.toThrow();
    expect(loads(snapshot)[0]?.filesz).toBe(PAGE_SIZE);
    expect(filled.length - pages.length).toBeLessThanOrEqual(30);
    expect(filled.every(({ address }) => address < BASE + 60 * PAGE_SIZE || (address - BASE) % (4 * PAGE_SIZE) === 0)).toBe(true);
  });

  test("too many segments that nothing can close are refused in words", () => {
    const pages = Array.from({ length: 80 }, (_, index) => page(index * 2, RX));
    expect(() => closeGaps(pages, checkpoint, () => undefined)).toThrow(SnapshotError);
    expect(() => checkShape(writeSnapshot(pages, checkpoint))).toThrow("do not fit in the first page");
  });

  test("a segment that can be written and executed, one where stacks go, and an interpreter are refused", () => {
    const good = writeSnapshot([page(1, RX)], checkpoint);
    const [first, second] = good.segments;
    if (first === undefined || second === undefined) throw new Error("two segments were written");
    const shape = (segment: Partial<typeof second>): Snapshot => ({ bytes: good.bytes, segments: [first, { ...second, ...segment }] });
    expect(() => checkShape(shape({}))).not.toThrow();
    expect(() => checkShape(shape({ flags: RX | RW }))).toThrow("can be written and executed");
    expect(() => checkShape(shape({ vaddr: 0x7fff_0000_0000 }))).toThrow("where a kernel may put the stack");
    expect(() => checkShape(shape({ type: elf.PT_INTERP }))).toThrow("no interpreter");
  });
});
