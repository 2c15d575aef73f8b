import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile, writeU64 } from "../../src/elf/file.ts";
import { writeExecutable } from "../../src/link/file.ts";
import type { GivenFlags } from "../../src/link/flags.ts";
import { link } from "../../src/link/link.ts";
import { damaged, type Opened, relocationOf, symbolAt } from "./damage.ts";
import { PLAIN, type Workshop, workshop } from "./fixture.ts";

// Compilers are slow on a busy machine.
setDefaultTimeout(60_000);

const shop = workshop("strict");
shop.makeAll();

/** Links the workshop's files, with changes to the program or to libstdc++, and runs the result. */
function linked(changes: { program?: (opened: Opened) => void; library?: (opened: Opened) => void } & GivenFlags) {
  const changed = workshop("strict-changed");
  changed.makeAll();
  if (changes.library !== undefined)
    writeFileSync(changed.path("libstdc++.so.6"), damaged(shop.read("libstdc++.so.6"), changes.library));
  const program = damaged(shop.read("program"), changes.program ?? (() => {}));
  return run(changed, program, changes);
}

function run(from: Workshop, program: Uint8Array, features: GivenFlags = {}) {
  const { bytes } = link("program", program, () => [from.folder], { ...PLAIN, ...features });
  writeExecutable(from.path("linked"), bytes);
  return from.run("linked");
}

describe("a COPY relocation", () => {
  const code = {
    library: (size: number) =>
      `char copied[${size}] = { ${Array.from({ length: size }, (_, index) => index + 1).join(", ")} };`,
    // The linker puts copies before the program's own zeroed data; a longer object of the library's would overwrite
    // that.
    program: (size: number) => `
      void _exit(int);
      extern volatile char copied[${size}];
      static volatile char behind[64];
      void _start(void) { _exit(copied[0] + copied[${size - 1}] + behind[0] + behind[63]); }`,
  };

  test("copies as many bytes as the program has room for, as musl does, and no byte beside them", () => {
    const copies = workshop("copies");
    copies.libgcc();
    copies.libstdcxx(copies.text("small.c", code.library(8)));
    copies.program(copies.text("main.c", code.program(8)));
    copies.libstdcxx(copies.text("large.c", code.library(64)));
    const program = copies.read("program");
    const found: Opened[] = [];
    const input = damaged(program, (opened) => found.push(opened));
    const [offset] = found.map((opened) => relocationOf(opened, "copied").offset);
    const { bytes } = link("program", input, () => [copies.folder], PLAIN);
    const at = new ElfFile("linked", bytes).offsetOf(offset ?? 0, 10);
    expect([...bytes.subarray(at, at + 10)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0, 0]);
    expect(run(copies, program).exitCode).toBe(9);
  });

  test("of more bytes than the library has is refused", () => {
    expect(() =>
      linked({ program: (opened) => opened.view.setBigUint64(symbolAt(opened, "copied") + 16, 0x10_0000n, true) }),
    ).toThrow(/a relocation changes the bytes at 0x[0-9a-f]+, which are in none of its segments/);
    expect(() =>
      linked({
        program: (opened) => opened.view.setBigUint64(symbolAt(opened, "copied") + 16, 16n, true),
        library: (opened) => opened.view.setBigUint64(symbolAt(opened, "copied") + 8, 0x10_0000n, true),
      }),
    ).toThrow("the program copies 16 bytes of copied, which is smaller");
  });
});

describe("names", () => {
  test.each(["toString", "constructor", "__proto__", "hasOwnProperty"])("%s is an ordinary name", (name) => {
    const named = workshop("names");
    named.libgcc();
    const variable = `__asm__("${name}")`;
    named.libstdcxx(named.text("wants.c", `int lost(void) ${variable}; int found(void) { return lost(); }`));
    named.program(named.text("main.c", "int found(void); void _start(void) { found(); }"));
    expect(() => run(named, named.read("program"))).toThrow(`libstdc++.so.6: nothing defines its symbol ${name};`);
    named.libstdcxx(
      named.text("has.c", `int own(void) ${variable}; int own(void) { return 17; } int found(void) { return own(); }`),
    );
    named.program(
      named.text(
        "calls.c",
        `void _exit(int); int found(void); int own(void) ${variable}; void _start(void) { _exit(found() + own()); }`,
      ),
    );
    expect(run(named, named.read("program")).exitCode).toBe(34);
    expect(run(named, named.read("program"), { addons: true }).exitCode).toBe(34);
  });

  test("a library's relocations mean its own local symbol (STB_LOCAL), even if the program has the name", () => {
    const global = linked({});
    expect(global.lines[0]).toBe("JUMP_SLOT, and the program comes first");
    const local = linked({
      library: (opened) => opened.view.setUint8(symbolAt(opened, "who") + 4, elf.STT_FUNC),
    });
    expect(local.lines[0]).toBe("then libstdc++, then libgcc_s");
    expect(local.exitCode).toBe(1);
  });
});

describe("relocations", () => {
  test("of the same byte, whose order would decide, are refused, in the program and in a library", () => {
    const onto = (one: string, other: string) => (opened: Opened) =>
      writeU64(opened.view, relocationOf(opened, one).at, relocationOf(opened, other).offset);
    const message = /two relocations change the bytes at 0x[0-9a-f]+; the file is damaged/;
    expect(() => linked({ program: onto("_exit", "library_calls_libgcc") })).toThrow(message);
    expect(() => linked({ library: onto("who", "from_libgcc") })).toThrow(message);
  });

  test("within an entry of a table of addresses are refused", () => {
    const within = (opened: Opened) =>
      writeU64(opened.view, relocationOf(opened, "_exit").at, relocationOf(opened, "_exit").offset + 2);
    expect(() => linked({ program: within })).toThrow(/at 0x[0-9a-f]+, where none begins; the file is damaged/);
  });

  test.each([
    [(view: DataView, at: number) => view.setUint32(at + 8, 99, true), /musl\S+: x86-64 relocation type 99/],
    [(view: DataView, at: number) => writeU64(view, at, 0x7000_0000), /musl\S+: a relocation changes the bytes at/],
  ])("of musl itself are checked when it is linked, not when it starts (%#)", (change, message) => {
    const changed = workshop("strict-musl");
    changed.makeAll();
    const loader = changed.path("ld-musl-x86_64.so.1");
    const bytes = damaged(changed.read("ld-musl-x86_64.so.1"), ({ view, dynamic }) =>
      change(view, dynamic.relocations[0]?.at ?? 0),
    );
    rmSync(loader);
    writeFileSync(loader, bytes);
    expect(() => run(changed, changed.read("program"))).toThrow(message);
  });

  const inProgram = (change: (view: DataView, at: number) => void) => ({
    program: (opened: Opened) => change(opened.view, relocationOf(opened, "library_calls_libgcc").at),
  });
  const inLibrary = (change: (view: DataView, at: number) => void) => ({
    library: (opened: Opened) => change(opened.view, relocationOf(opened, "who").at),
  });

  test.each([inProgram, inLibrary])("of no type that name a symbol are refused (%#)", (where) => {
    expect(() => linked(where((view, at) => view.setUint32(at + 8, 0, true)))).toThrow(
      /a relocation at 0x[0-9a-f]+ names a symbol and has no type \(R_NONE\); the file is damaged/,
    );
  });

  test.each([inProgram, inLibrary])("of an unknown type are refused (%#)", (where) => {
    expect(() => linked(where((view, at) => view.setUint32(at + 8, 99, true)))).toThrow(
      /x86-64 relocation type 99 against \w+ at 0x[0-9a-f]+ is not one this linker knows/,
    );
  });

  test("of an unknown type are refused even if musl would apply them", () => {
    expect(() =>
      linked({ program: (opened) => opened.view.setUint32(relocationOf(opened, "_exit").at + 8, 99, true) }),
    ).toThrow(/x86-64 relocation type 99 against _exit/);
  });

  test.each([inProgram, inLibrary])("of an address in no segment are refused (%#)", (where) => {
    for (const offset of [0x7000_0000n, 2n ** 63n])
      expect(() => linked(where((view, at) => view.setBigUint64(at, offset, true)))).toThrow(
        /a relocation changes the bytes at 0x[0-9a-f]+, which are in none of its segments; the file is damaged/,
      );
  });

  test.each([inProgram, inLibrary])("with an addend that a number would round are refused (%#)", (where) => {
    for (const addend of [2n ** 53n + 1n, -(2n ** 60n)])
      expect(() => linked(where((view, at) => view.setBigInt64(at + 16, addend, true)))).toThrow(
        /its relocation at 0x[0-9a-f]+ has the addend -?\d+; the file is damaged/,
      );
  });

  test("of the thread-local template that musl would apply at start, after it copied the template, are refused", () => {
    const thread = (change: (view: DataView, at: number, template: bigint) => void) => ({
      program: (opened: Opened) => {
        const [template] = opened.file.segmentsOf(elf.PT_TLS);
        change(opened.view, relocationOf(opened, "_exit").at, BigInt(template?.vaddr ?? 0));
      },
    });
    expect(() => linked(thread((view, at, template) => view.setBigUint64(at, template, true)))).toThrow(
      "a thread-local variable is initialised with the address of _exit, which is known only at start",
    );
    expect(() =>
      linked(
        thread((view, at, template) => {
          view.setBigUint64(at, template, true);
          view.setBigUint64(at + 8, 8n, true);
        }),
      ),
    ).toThrow("a thread-local variable is initialised with an address, which is known only at start");
  });
});
