import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import * as elf from "../../src/elf/constants.ts";
import { dropNeeded, readDynamic } from "../../src/elf/dynamic.ts";
import { ElfError, ElfFile } from "../../src/elf/file.ts";
import { pageDown, pageUp } from "../../src/elf/pages.ts";
import { writeHeader, writeSegments } from "../../src/elf/write.ts";
import { workshop } from "../link/fixture.ts";

const shop = workshop("elf");
shop.makeAll();
const program = new ElfFile("program", shop.read("program"));
const library = new ElfFile("library", shop.read("libstdc++.so.6"));

/** readelf's view of the same file. */
const readelf = (option: string, name: string) =>
  Bun.spawnSync(["readelf", option, "-W", shop.path(name)]).stdout.toString();

describe("reading what gcc wrote, as readelf reads it", () => {
  test("segments", () => {
    const rows = [
      ...readelf("-l", "program").matchAll(
        /^ {2}[A-Z_]+ +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+) ([RWE ]{3}) 0x([0-9a-f]+)$/gm,
      ),
    ];
    const numbers = rows.map(([, ...columns]) =>
      columns.filter((_, column) => column !== 4).map((column) => Number.parseInt(column, 16)),
    );
    expect(numbers.length).toBeGreaterThan(8);
    expect(
      program.segments.map(({ offset, vaddr, filesz, memsz, align }) => [offset, vaddr, filesz, memsz, align]),
    ).toEqual(numbers);
  });

  test("relocations and the symbols they name", () => {
    const rows = [...readelf("-r", "libstdc++.so.6").matchAll(/^([0-9a-f]{16}) {2}([0-9a-f]{8})([0-9a-f]{8}) /gm)];
    const { relocations, symbols } = readDynamic(library);
    expect(relocations.map(({ offset, symbol, type }) => [offset, symbol, type])).toEqual(
      rows.map(
        ([, offset = "", symbol = "", type = ""]) =>
          [offset, symbol, type].map((column) => Number.parseInt(column, 16)) as [number, number, number],
      ),
    );
    expect(relocations.every(({ symbol }) => symbols[symbol] !== undefined)).toBe(true);
  });

  test("the symbols that a library exports: defined, global, of the default version", () => {
    const { exports } = readDynamic(library);
    expect(exports.get("who")).toMatchObject({ defined: true, binding: 1 });
    expect(exports.get("tls_exported")).toMatchObject({ type: elf.STT_TLS, size: 4 });
    expect([exports.has("write"), exports.has("answer"), exports.has("old")]).toEqual([false, false, false]);
  });

  test("the versions of others' symbols that a library needs", () => {
    const path = "/usr/lib/x86_64-linux-gnu/libstdc++.so.6";
    const rows = Bun.spawnSync(["readelf", "--dyn-syms", "-W", path])
      .stdout.toString()
      .matchAll(/^ +(\d+): .* UND (\S+)@(\S+) \(\d+\)$/gm);
    const wanted = [...rows].map(([, index, name, version]) => [Number(index), name, version]);
    expect(wanted.length).toBeGreaterThan(50);
    const { symbols } = readDynamic(new ElfFile(path, new Uint8Array(readFileSync(path))));
    const found = symbols.flatMap(({ name, defined, version }, index) =>
      defined || version === undefined ? [] : [[index, name, version]],
    );
    expect(found).toEqual(wanted as typeof found);
  });

  test("the libraries that a file needs, also after one is removed", () => {
    const copy = new ElfFile("copy", shop.read("program"));
    expect(readDynamic(copy).needed).toEqual(["libstdc++.so.6", "libgcc_s.so.1", "libc.so"]);
    dropNeeded(copy, ["libgcc_s.so.1"]);
    expect(readDynamic(copy).needed).toEqual(["libstdc++.so.6", "libc.so"]);
    expect(readDynamic(copy).relocations).toEqual(readDynamic(program).relocations);
  });

  test("refuses an address in no segment, and says what it looked for", () => {
    expect(() => program.u64At(0x10)).toThrow(
      new ElfError("program: no segment of the file holds the 8 bytes at 0x10; the file is damaged"),
    );
  });
});

describe("writing", () => {
  test("a header and segments that read back the same", () => {
    const bytes = new Uint8Array(elf.EHDR_SIZE + 2 * elf.PHDR_SIZE);
    const segments = [
      {
        type: elf.PT_LOAD,
        flags: elf.PF_R,
        offset: 0,
        vaddr: 0x20_0000,
        filesz: bytes.length,
        memsz: bytes.length,
        align: 4096,
      },
      { type: elf.PT_GNU_STACK, flags: elf.PF_R | elf.PF_W, offset: 0, vaddr: 0, filesz: 0, memsz: 0, align: 16 },
    ];
    writeHeader(new DataView(bytes.buffer), { machine: 183, entry: 0x20_0040, phoff: elf.EHDR_SIZE, phnum: 2 });
    writeSegments(new DataView(bytes.buffer), elf.EHDR_SIZE, segments);
    const file = new ElfFile("written", bytes);
    expect([file.type, file.machine, file.entry, file.segments]).toEqual([elf.ET_EXEC, 183, 0x20_0040, segments]);
  });
});

test("pages", () => {
  expect([pageDown(4096, 4096), pageDown(8191, 4096), pageUp(4096, 4096), pageUp(4097, 4096)]).toEqual([
    4096, 4096, 4096, 8192,
  ]);
  expect([pageDown(0x1_ffff, 0x1_0000), pageUp(1, 0x1_0000)]).toEqual([0x1_0000, 0x1_0000]);
});
