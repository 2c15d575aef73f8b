import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { TEST_DIST } from "../../harness/compile.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { hostArchitecture } from "../../src/arch/architectures.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { installedArchive } from "../../src/build/debian/archive.ts";
import { Archive } from "../../src/elf/archive.ts";
import { readObject } from "../../src/elf/object.ts";
import { Members } from "../../src/link/members.ts";
import { PAUSE_CALLS } from "../../src/pause/entry.ts";
import { UserError } from "../../src/support/error.ts";

const HOST = hostArchitecture();
const PATH = installedArchive(HOST);
const BYTES = readFileSync(PATH);
const archive = new Archive(PATH, BYTES);

/** The archive with other bytes at an offset. */
function changed(offset: number, bytes: string): Buffer {
  const all = Buffer.from(BYTES);
  all.write(bytes, offset, "latin1");
  return all;
}

describe("an archive of object files", () => {
  test("leads from a symbol to the object that defines it, and to none for an undefined symbol", () => {
    const object = archive.defining("getpid") ?? Buffer.of();
    const { symbols } = readObject("getpid", object, HOST.machine);
    expect(symbols.find(({ name, section }) => name === "getpid" && section !== 0)).toBeDefined();
    expect(archive.defining("no_such_function")).toBeUndefined();
  });

  test.each([
    ["a file that is not an archive", changed(0, "!<thin>\n"), "not an archive of object files"],
    ["one without a symbol table", changed(8, "a.o/ "), "not a symbol table"],
    ["a member's size that is not a number", changed(8 + 48, "x"), "no header of a member at 8"],
    ["a header without its end", changed(8 + 58, "??"), "no header of a member at 8"],
    ["a table of more symbols than there is room for", changed(8 + 60, "\xff\xff\xff\xff"), "does not fit"],
    ["an archive that is cut short", BYTES.subarray(0, 0x1000), "cut short"],
    ["nothing at all", Buffer.of(), "not an archive"],
  ] as const)("%s is refused in one line", (_, bytes, words) => {
    expect(() => new Archive("a.a", Buffer.from(bytes)).defining("getpid")).toThrow(words);
  });

  test("is read or refused in words, whichever bytes are changed", () => {
    const small = Buffer.from(BYTES.subarray(0, 0x2_0000));
    fc.assert(
      fc.property(fc.nat(small.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Buffer.from(small);
        bytes[at] = byte;
        refusesOrReads(() => new Archive("a.a", bytes).defining("getpid"));
      }),
    );
  });
});

describe("an object file", () => {
  const object = Buffer.from(archive.defining("poll") ?? Buffer.of());

  test("is refused if it is for another machine, not an object, or cut short", () => {
    expect(() => readObject("poll.o", object, AARCH64.machine === HOST.machine ? 62 : AARCH64.machine)).toThrow(
      "machine",
    );
    expect(() => readObject("poll.o", object.subarray(0, 40), HOST.machine)).toThrow("not a 64-bit");
    expect(() => readObject("poll.o", object.subarray(0, object.length - 8), HOST.machine)).toThrow("damaged");
  });

  test("is read or refused in words, whichever bytes are changed", () => {
    fc.assert(
      fc.property(fc.nat(object.length - 1), fc.nat(255), (at, byte) => {
        const bytes = Buffer.from(object);
        bytes[at] = byte;
        refusesOrReads(() => readObject("poll.o", bytes, HOST.machine));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("functions of the archive", () => {
  test("lie side by side, each once, and call each other where they lie", () => {
    const members = new Members(HOST, PATH, PAUSE_CALLS);
    const functions = members.functions();
    expect(new Set(functions.map(({ name }) => name)).size).toBe(functions.length);
    functions.reduce((end, { offset, size }) => {
      expect(offset).toBeGreaterThanOrEqual(end);
      return offset + size;
    }, 0);
    expect(members.size).toBeLessThan(1024);
  });

  test("are refused by name if the archive does not have them", () => {
    expect(() => new Members(HOST, PATH, ["no_such_function"])).toThrow("no object in it defines no_such_function");
    expect(() => new Members(HOST, "/nowhere/libc.a", ["getpid"])).toThrow("/nowhere/libc.a: cannot be read");
  });

  testNeeding(program("x86_64-linux-gnu-objdump"))(
    "call each other's first instruction, and nothing else",
    async () => {
      const path = "/usr/lib/x86_64-linux-musl/libc.a";
      const members = new Members(X86_64, path, PAUSE_CALLS);
      const at = 0x50_0000;
      const file = join(TEST_DIST, "members.bin");
      mkdirSync(TEST_DIST, { recursive: true });
      writeFileSync(file, members.bytes(at));
      const options = ["-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", `--adjust-vma=${at}`];
      const code = await Bun.$`x86_64-linux-gnu-objdump ${options} ${file}`.text();
      const functions = members
        .functions()
        .map(({ offset, size }) => ({ start: at + offset, end: at + offset + size }));
      const of = (address: number) => functions.find(({ start, end }) => address >= start && address < end)?.start;
      const calls = [...code.matchAll(/^ +([0-9a-f]+):\t.*\t(?:call|j\w+) +0x([0-9a-f]+)$/gm)].map(
        ([, from = "", to = ""]) => ({
          from: of(Number.parseInt(from, 16)),
          to: Number.parseInt(to, 16),
        }),
      );
      const leaving = calls.filter(({ from, to }) => from !== of(to));
      expect(leaving.length).toBeGreaterThan(8);
      expect(leaving.filter(({ to }) => of(to) !== to)).toEqual([]);
    },
  );
});

function refusesOrReads(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
  }
}
