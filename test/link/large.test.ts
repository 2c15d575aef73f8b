import { expect, setDefaultTimeout, test } from "bun:test";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { writeExecutable } from "../../src/link/file.ts";
import { link } from "../../src/link/link.ts";
import { PLAIN, workshop } from "./fixture.ts";

// Compilers are slow on a busy machine.
setDefaultTimeout(60_000);

/** A program high in memory: its small payload reaches as far as one of 2 GiB does in Bun's. */
function high(name: string, pointers: string, behind = 0) {
  const shop = workshop(`large-${name}`);
  shop.libgcc();
  shop.libstdcxx(shop.text("library.c", "int answer(void) { return 40; }"));
  shop.program([
    "-Wl,-Ttext-segment=0x70000000",
    ...shop.text(
      "main.c",
      `void _exit(int);
       int answer(void);
       struct payload { unsigned long length; char text[17]; char behind; };
       ${pointers}
       __attribute__((section(".payload"), aligned(4096))) struct payload payload = { 17, "!\\n---- Bun! ----\\n", ${behind} };
       __asm__(".globl _start\\n_start:\\n\\tand $-16, %rsp\\n\\tcall start\\n");
       void start(void) { _exit(answer() + where->text[0] - '!' + (where->length == 17) + (where != &payload)); }`,
    ),
  ]);
  return shop;
}

const POINTER = "extern struct payload payload; struct payload *volatile where = &payload;";

test("a payload above 2 GiB lies after everything that is added, and the program finds it there", () => {
  const shop = high("payload", POINTER);
  const before = new ElfFile("program", shop.read("program"));
  for (const addons of [false, true]) {
    const { bytes, payload } = link("program", shop.read("program"), () => [shop.folder], { ...PLAIN, addons });
    expect(payload.bytes.length).toBe(17);
    writeExecutable(shop.path("linked"), bytes);
    const last = new ElfFile("linked", bytes).segmentsOf(elf.PT_LOAD).at(-1);
    expect(last?.vaddr).toBeGreaterThan(before.end);
    expect(last?.memsz).toBe(0x1000);
    expect(shop.run("linked").exitCode).toBe(42);
  }
});

test("a payload that the program's data does not point to exactly once is refused", () => {
  const twice = high("twice", `${POINTER} struct payload *volatile another = &payload;`);
  expect(() => link("program", twice.read("program"), () => [twice.folder], PLAIN)).toThrow(
    /program: its program reaches above 2 GiB, and 2 words have its address 0x[0-9a-f]+, not one/,
  );
});

test("a payload with data after it is refused", () => {
  const followed = high("followed", POINTER, 1);
  expect(() => link("program", followed.read("program"), () => [followed.folder], PLAIN)).toThrow(
    "program: its program is larger than 2 GiB, and not the last of its segment",
  );
});
