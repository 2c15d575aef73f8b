import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { link } from "../../src/link/link.ts";
import { findPayload } from "../../src/link/payload.ts";
import { damaged, headerOf, setTag } from "./damage.ts";
import { PLAIN, workshop } from "./fixture.ts";
import { CLI } from "./others.ts";

// Compilers are slow on a busy machine.
setDefaultTimeout(60_000);

/** A tag that the linker does not read. */
const DT_DEBUG = 21;

const shop = workshop("inputs");
shop.makeAll();
const program = shop.read("program");
const linkWith = (bytes: Uint8Array, addons = false, folder = shop.folder) =>
  link("input", bytes, () => [folder], { ...PLAIN, addons, loaderVariables: !addons });

/** The command's message about a file. */
function said(name: string, bytes: Uint8Array): string {
  writeFileSync(shop.path(name), bytes);
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, CLI, name, "--library-dir", shop.folder], {
    cwd: shop.folder,
  });
  expect(exitCode).toBe(1);
  expect(stderr.toString()).toMatch(/^bun-static: [^\n]*\n$/);
  return stderr.toString();
}

const gcc = (output: string, ...args: string[]): Uint8Array => {
  const { exitCode, stderr } = Bun.spawnSync(["gcc", "-o", shop.path(output), ...args, "-x", "c", "-"], {
    stdin: Buffer.from("int main(void) { return 0; }"),
  });
  if (exitCode !== 0) throw new Error(stderr.toString());
  return shop.read(output);
};

describe("a file that is not an executable of Bun is called what it is", () => {
  const give = "give the file bun build --compile wrote";

  test("a library, an addon, an object file, a core dump", () => {
    for (const name of ["library.so", "addon.node"])
      expect(said(name, shop.read("libgcc_s.so.1"))).toContain(
        `${name}: it is a shared library or an addon, not an executable; ${give}`,
      );
    expect(said("object", gcc("object.o", "-c"))).toContain(`object: it is an object file, not an executable; ${give}`);
    const core = damaged(shop.read("libgcc_s.so.1"), ({ view }) => view.setUint16(16, elf.ET_CORE, true));
    expect(said("core", core)).toContain(`core: it is a core dump, not an executable; ${give}`);
  });

  test("a static executable, position-independent or not", () => {
    const already = `it names no interpreter (PT_INTERP): it is already linked statically; ${give}`;
    expect(said("static", gcc("static", "-static"))).toContain(already);
    expect(said("static-pie", gcc("static-pie", "-static-pie", "-fPIE"))).toContain(already);
  });

  test("a file that UPX packed", () => {
    const packed = gcc("static", "-static");
    packed.set(Buffer.from("UPX!"), 0xec);
    expect(said("packed", packed)).toContain(`packed: UPX packed it; unpack it first (upx -d); ${give}`);
  });

  test.each([
    ["program.exe", "a Windows executable", "MZ\x90\0"],
    ["program.ts", "a Windows executable", "MZ\x90\0"],
    ["program.js", "a macOS executable", "\xcf\xfa\xed\xfe"],
    ["program", "a macOS executable", "\xca\xfe\xba\xbe"],
  ])("%s that is %s", (name, what, magic) => {
    expect(said(name, Buffer.from(magic.padEnd(200, "\0"), "latin1"))).toMatch(
      new RegExp(`${name}: ${what} \\(it begins with [0-9a-f ]+, not 7f 45 4c 46\\)`),
    );
  });

  test("a program that Bun had appended, after strip", () => {
    writeFileSync(shop.path("stripped"), program);
    Bun.spawnSync(["strip", shop.path("stripped")]);
    expect(said("stripped", shop.read("stripped"))).toContain(
      "stripped: it has no program, and it was stripped, which removes what Bun before 1.3.12 appended",
    );
  });
});

describe("the program in an executable", () => {
  const trailer = Buffer.from("\n---- Bun! ----\n");
  const text = Buffer.from("console.log(1)");

  /** The program with a payload appended after its last segment, as Bun before 1.3.12 did. */
  const appended = (payload: Uint8Array) => {
    const file = new ElfFile("program", program);
    const end = Math.max(
      Number(file.view.getBigUint64(40, true)) + file.view.getUint16(60, true) * elf.SHDR_SIZE,
      ...file.segments.map(({ offset, filesz }) => offset + filesz),
    );
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(end + payload.length + trailer.length + 8));
    return new Uint8Array(Buffer.concat([program.subarray(0, end), payload, trailer, size]));
  };

  test("is found after the last segment, and a trailer alone is not a program", () => {
    expect(findPayload(new ElfFile("with", appended(text)))).toEqual({
      kind: "appended",
      bytes: expect.objectContaining({ length: text.length + trailer.length + 8 }),
    });
    expect(findPayload(new ElfFile("one byte", appended(text.subarray(0, 1)))).kind).toBe("appended");
    expect(findPayload(new ElfFile("trailer alone", appended(Buffer.alloc(0)))).kind).toBe("none");
  });

  test("is found in a segment by its length, with section headers, and with zeroed ones", () => {
    const payload = Buffer.concat([text, trailer]);
    const inside = (length: number) =>
      damaged(program, ({ file, view }) => {
        const data = file
          .segmentsOf(elf.PT_LOAD)
          .findLast(({ flags, filesz }) => (flags & elf.PF_W) !== 0 && filesz > 0);
        const at = (data?.offset ?? 0) + 64;
        view.setBigUint64(at, BigInt(length), true);
        file.bytes.set(payload, at + 8);
      });
    const found = findPayload(new ElfFile("inside", inside(payload.length)));
    expect([found.kind, Buffer.from(found.bytes).toString()]).toEqual(["loaded", payload.toString()]);
    expect(findPayload(new ElfFile("of another length", inside(payload.length + 1))).kind).toBe("none");
    const without = inside(payload.length);
    without.fill(0, 40, 48).fill(0, 58, 64);
    expect(findPayload(new ElfFile("without headers", without))).toEqual(found);
  });
});

describe("damaged programs and libraries", () => {
  test("an entry outside the code", () => {
    for (const entry of [0n, 0x40_0000n, 0x7fff_0000n, 2n ** 60n])
      expect(() => linkWith(damaged(program, ({ view }) => view.setBigUint64(24, entry, true)))).toThrow(
        /input: its entry 0x[0-9a-f]+ is in no segment with code; the file is damaged/,
      );
  });

  test("segments that overlap, descend, repeat, or lie outside the loaded ones", () => {
    const field = (type: number, at: number, value: bigint) =>
      damaged(program, ({ file, view }) => view.setBigUint64(headerOf(file, type) + at, value, true));
    const [first] = new ElfFile("program", program).segmentsOf(elf.PT_LOAD);
    const size = BigInt(first?.memsz ?? 0);
    expect(() => linkWith(field(elf.PT_LOAD, 40, size + 0x100_0000n))).toThrow(/overlap or do not ascend/);
    expect(() => linkWith(field(elf.PT_LOAD, 16, 0x100_0000n))).toThrow(/overlap or do not ascend/);
    expect(() => linkWith(field(elf.PT_LOAD, 8, 1n))).toThrow(
      /is at 0x1 of the file, elsewhere in a page; the file is/,
    );
    expect(() => linkWith(field(elf.PT_LOAD, 48, 3n))).toThrow(/alignment 3; the file is damaged/);
    expect(() => linkWith(field(elf.PT_LOAD, 40, 2n ** 62n))).toThrow(/the file is damaged/);
    expect(() => linkWith(field(elf.PT_DYNAMIC, 16, 2n ** 60n))).toThrow(
      "input: its segment of the type 0x2 at 0x1000000000000000 is not in a loaded segment; the file is damaged",
    );
    expect(() => linkWith(field(elf.PT_TLS, 8, 0x1000n))).toThrow(
      /its segment of the type 0x7 .* is not in a loaded segment/,
    );
    const twice = damaged(program, ({ file, view }) =>
      view.setUint32(headerOf(file, elf.PT_GNU_STACK), elf.PT_DYNAMIC, true),
    );
    expect(() => linkWith(twice)).toThrow("input: it has more than one segment of the type 0x2; the file is damaged");
  });

  test("a dynamic section with a tag twice, without an end, or with relocations of a kind that is not read", () => {
    const tagged = (tag: number, change: { tag?: number; value?: number }) =>
      damaged(program, (opened) => setTag(opened, tag, change));
    expect(() => linkWith(tagged(DT_DEBUG, { tag: elf.DT_STRTAB, value: 1 }))).toThrow(
      "input: its dynamic section has the tag 0x5 twice",
    );
    expect(() => linkWith(tagged(DT_DEBUG, { tag: elf.DT_RELR }))).toThrow("(DT_RELR)");
    const endless = damaged(program, ({ file }) => {
      const [{ offset, filesz } = { offset: 0, filesz: 0 }] = file.segmentsOf(elf.PT_DYNAMIC);
      file.bytes.fill(1, offset, offset + filesz);
    });
    expect(() => linkWith(endless)).toThrow("input: its dynamic section does not end (DT_NULL)");
  });

  const withLibrary = (name: string, change: Parameters<typeof damaged>[1]) => {
    const other = workshop("inputs-library");
    other.makeAll();
    // musl is a link to the machine's.
    const path = other.path(name);
    const bytes = readFileSync(path);
    rmSync(path);
    writeFileSync(path, damaged(bytes, change));
    if (name.startsWith("ld-")) {
      rmSync(other.path("libc.so"));
      symlinkSync(basename(path), other.path("libc.so"));
    }
    return () => linkWith(program, true, other.folder);
  };

  test("constructors outside the library", () => {
    for (const value of [0x7000_0000, 2 ** 60])
      expect(withLibrary("libstdc++.so.6", (opened) => setTag(opened, elf.DT_INIT_ARRAY, { value }))).toThrow(
        "its constructors (DT_INIT, DT_INIT_ARRAY) are in no segment of it; the file is damaged",
      );
    expect(withLibrary("libstdc++.so.6", (opened) => setTag(opened, elf.DT_INIT_ARRAYSZ, { value: 2 ** 40 }))).toThrow(
      "its constructors (DT_INIT, DT_INIT_ARRAY) are in no segment of it",
    );
  });

  test("a table of unwinding information whose rows are not sorted, or name no code", () => {
    const row = (index: number, change: (view: DataView, at: number) => void) =>
      withLibrary("libstdc++.so.6", ({ file, view }) =>
        change(view, (file.segmentsOf(elf.PT_GNU_EH_FRAME)[0]?.offset ?? 0) + 12 + index * 8),
      );
    expect(
      row(0, (view, at) => {
        const [first, second] = [view.getBigUint64(at, true), view.getBigUint64(at + 8, true)];
        view.setBigUint64(at, second, true);
        view.setBigUint64(at + 8, first, true);
      }),
    ).toThrow("row 1 of its table of unwinding information is out of order or names no code");
    expect(row(0, (view, at) => view.setInt32(at, -0x7000_0000, true))).toThrow("row 0 of its table");
  });

  test("a loader without the names of its variables, or with them twice", () => {
    const change = (text: string, instead: string) =>
      withLibrary("ld-musl-x86_64.so.1", ({ file }) => {
        const at = Buffer.from(file.bytes.buffer).indexOf(`\0${text}\0`);
        if (at < 0) throw new Error(`no ${text}`);
        file.bytes.set(Buffer.from(`\0${instead}\0`), at);
      });
    expect(change("LD_PRELOAD", "LD_PRELOAX")).toThrow(
      /the string "LD_PRELOAD" of musl's loader does not occur exactly once, so it cannot be changed; use musl 1.2/,
    );
    expect(
      withLibrary("ld-musl-x86_64.so.1", ({ file }) => {
        const at = Buffer.from(file.bytes.buffer).indexOf("Error allocating constructor queue");
        if (at < 0) throw new Error("no message to write over");
        file.bytes.set(Buffer.from("\0LD_PRELOAD\0"), at);
      }),
    ).toThrow(/the string "LD_PRELOAD" of musl's loader does not occur exactly once/);
  });
});
