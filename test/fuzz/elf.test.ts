import { expect } from "bun:test";
import fc from "fast-check";
import * as elf from "../../src/elf/constants.ts";
import { readDynamic } from "../../src/elf/dynamic.ts";
import { ElfFile, writeU64 } from "../../src/elf/file.ts";
import { writeHeader, writeSegments } from "../../src/elf/write.ts";
import { findAddons } from "../../src/link/addons.ts";
import { writeExecutable } from "../../src/link/file.ts";
import { link } from "../../src/link/link.ts";
import { findPayload } from "../../src/link/payload.ts";
import { PLAIN, workshop } from "../link/fixture.ts";
import { damaged, lineOr, property } from "./property.ts";

const shop = workshop("fuzz");
shop.makeAll();
const program = shop.read("program");
const library = shop.read("libstdc++.so.6");

/** Numbers at which a 64-bit field breaks, besides those of a small file. */
const number = fc.oneof(
  fc.nat(0x2000).map(BigInt),
  fc.constantFrom(0n, 1n, 0x20_0000n, 0x7fff_ffffn, 0xffff_ffffn, 2n ** 40n, 2n ** 53n + 1n, 2n ** 60n, 2n ** 64n - 1n),
);

const segment = fc.record({
  type: fc.constantFrom(1, 1, 1, 2, 3, 4, 6, 7, elf.PT_GNU_EH_FRAME, elf.PT_GNU_STACK, elf.PT_GNU_RELRO),
  flags: fc.nat(7),
  fields: fc.tuple(number, number, number, number, number, fc.constantFrom(0n, 1n, 3n, 8n, 4096n, 2n ** 40n)),
});

const entry = fc.tuple(fc.oneof(fc.constantFrom(0, 1, 2, 4, 5, 6, 7, 8, 10, 11, 17, 23, 25, 27, 36), fc.nat()), number);

/** An ELF file built from the format's description: any segments, then a dynamic section of any tags. */
const generated = fc
  .record({
    segments: fc.array(segment, { maxLength: 8 }),
    entries: fc.array(entry, { maxLength: 20 }),
    whole: fc.boolean(),
    rest: fc.uint8Array({ minLength: 64, maxLength: 512 }),
  })
  .map(({ segments, entries, whole, rest }) => {
    const dynamic = elf.EHDR_SIZE + (segments.length + 2) * elf.PHDR_SIZE;
    const size = dynamic + (entries.length + 1) * elf.DYN_SIZE + rest.length;
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    writeHeader(view, {
      machine: 62,
      entry: 0x20_0000,
      phoff: elf.EHDR_SIZE,
      phnum: segments.length + (whole ? 2 : 0),
    });
    segments.forEach(({ type, flags, fields }, index) => {
      const at = elf.EHDR_SIZE + index * elf.PHDR_SIZE;
      view.setUint32(at, type, true);
      view.setUint32(at + 4, flags, true);
      fields.forEach((field, place) => view.setBigUint64(at + 8 + place * 8, field, true));
    });
    // Put these last so that the dynamic section is read: the whole file at 2 MiB, and its own description.
    const own = { flags: 6, filesz: size, memsz: size, align: 8, offset: 0, vaddr: 0x20_0000 };
    const part = { ...own, offset: dynamic, vaddr: 0x20_0000 + dynamic, filesz: (entries.length + 1) * elf.DYN_SIZE };
    writeSegments(view, elf.EHDR_SIZE + segments.length * elf.PHDR_SIZE, [
      { ...own, type: elf.PT_LOAD },
      { ...part, type: elf.PT_DYNAMIC },
    ]);
    entries.forEach(([tag, value], index) => {
      const inside = tag >= 4 && tag <= 6 ? value + 0x20_0000n : value;
      writeU64(view, dynamic + index * elf.DYN_SIZE, tag);
      view.setBigUint64(dynamic + index * elf.DYN_SIZE + 8, BigInt.asUintN(64, inside), true);
    });
    bytes.set(rest, size - rest.length);
    return bytes;
  });

/** Reads no more of a file than it can hold. */
function read(input: Uint8Array): void {
  const file = lineOr(() => new ElfFile("input", input));
  if (typeof file === "string") return;
  expect(findPayload(file).bytes.length).toBeLessThanOrEqual(input.length);
  const dynamic = lineOr(() => readDynamic(file));
  if (typeof dynamic === "string") return;
  expect(dynamic.symbols.length).toBeLessThanOrEqual(input.length / elf.SYM_SIZE);
  expect(dynamic.relocations.length).toBeLessThanOrEqual((2 * input.length) / elf.RELA_SIZE);
}

property("elf", fc.oneof(generated, damaged(program), damaged(library)), read);

/** Changed bytes in a file's headers and tables: for each its number among them, in 2 bytes, and its new value. */
const edits = fc
  .array(fc.tuple(fc.nat(0xffff), fc.nat(255)), { minLength: 1, maxLength: 3 })
  .map((found) => Uint8Array.from(found.flatMap(([place, value]) => [place >> 8, place & 255, value])));

/** The offsets of the bytes in a file's headers and in the tables that its dynamic section names. */
function areas(bytes: Uint8Array): number[] {
  const file = new ElfFile("program", bytes);
  const { tags, symbols } = readDynamic(file);
  const at = (tag: number) => tags.get(tag) ?? 0;
  const [{ offset, filesz } = { offset: 0, filesz: 0 }] = file.segmentsOf(elf.PT_DYNAMIC);
  const spans: [start: number, size: number][] = [
    [0, elf.EHDR_SIZE + file.segments.length * elf.PHDR_SIZE],
    [offset, filesz],
    [file.offsetOf(at(elf.DT_SYMTAB), 1), symbols.length * elf.SYM_SIZE],
    [file.offsetOf(at(elf.DT_RELA), 1), at(elf.DT_RELASZ)],
    [file.offsetOf(at(elf.DT_JMPREL), 1), at(elf.DT_PLTRELSZ)],
  ];
  return spans.flatMap(([start, size]) => Array.from({ length: size }, (_, index) => start + index));
}

function edited(bytes: Uint8Array, places: readonly number[], edits: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  for (let at = 0; at + 3 <= edits.length; at += 3) {
    const [high = 0, low = 0, value = 0] = edits.subarray(at, at + 3);
    copy[places[((high << 8) | low) % places.length] ?? 0] = value;
  }
  return copy;
}

/** Whatever links must run, unless it was broken before, so that musl's own loader could not run it either. */
const programTables = areas(program);
property("elf-link", edits, (edits) => {
  const input = edited(program, programTables, edits);
  const linked = lineOr(() => link("input", new Uint8Array(input), () => [shop.folder], { ...PLAIN, addons: true }));
  if (typeof linked === "string") return;
  findAddons(linked, true);
  expect(linked.output.size).toBeLessThan(input.length + 0x1000_0000);
  writeExecutable(shop.path("linked"), linked.bytes);
  writeExecutable(shop.path("unlinked"), input);
  const [after, before] = [runs("linked"), runs("unlinked")];
  if (before !== "broken") expect(after).toBe(before);
});

/** The output of an executable of the workshop; "broken" if the kernel refuses it or it does not exit with 0. */
function runs(name: string): string {
  try {
    const env = { LD_LIBRARY_PATH: shop.folder };
    const { exitCode, stdout } = Bun.spawnSync([shop.path(name)], { env, timeout: 10_000 });
    return exitCode === 0 ? stdout.toString().split("\n").slice(-10).join("\n") : "broken";
  } catch {
    return "broken";
  }
}

/** A library in a separate folder, so that the linker finds it first. */
const damagedLibrary = workshop("fuzz-library");
damagedLibrary.makeAll();

const libraryTables = areas(library);
property("elf-library", edits, (edits) => {
  writeExecutable(damagedLibrary.path("libstdc++.so.6"), edited(library, libraryTables, edits));
  const dirs = () => [damagedLibrary.folder];
  const linked = lineOr(() => link("input", new Uint8Array(program), dirs, { ...PLAIN, addons: true }));
  if (typeof linked !== "string") expect(linked.output.size).toBeLessThan(program.length + 0x1000_0000);
});
