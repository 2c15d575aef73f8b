import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { assemble, text } from "../../src/elf/listing.ts";
import { ENTRY_LISTINGS } from "../../src/link/entry.ts";
import { STUB_LISTING } from "../../src/snapshot/stub.ts";
import { TEST_DIST } from "../support/compile.ts";

/** All the machine code there is in this project. */
const LISTINGS: Readonly<Record<string, string>> = { ...ENTRY_LISTINGS, "the snapshot's stub": STUB_LISTING };

/** A value for each field, none like another, with the sign bit set in those of 8 bytes. */
function values(listing: string): Record<string, number | bigint> {
  const fields = [...new Set(Array.from(listing.matchAll(/<(\w+):(\d)>/g), ([, name = "", size = ""]) => `${name}:${size}`))];
  return Object.fromEntries(
    fields.map((field, index) => {
      const [name = "", size] = field.split(":");
      return [name, size === "8" ? 0xf102030405060700n + BigInt(index) : 0x11223300 + index];
    }),
  );
}

/** What objdump makes of the bytes, an instruction a line, its spacing made one. */
async function disassemble(code: Uint8Array): Promise<string[]> {
  const file = join(TEST_DIST, "listing.bin");
  await Bun.write(file, code);
  const out = await Bun.$`objdump -D -b binary -m i386:x86-64 -M intel --no-show-raw-insn ${file}`.text();
  return [...out.matchAll(/^ +[0-9a-f]+:\s+(.*)$/gm)].map(([, line = ""]) => squeeze(line));
}

const squeeze = (line: string) => line.replace(/\s+/g, " ").trim();

describe("each listing's bytes are what its text says", () => {
  test.each(Object.keys(LISTINGS))("%s", async (name) => {
    const listing = LISTINGS[name] ?? "";
    const fields = values(listing);
    expect(await disassemble(assemble(listing, fields))).toEqual(text(listing, fields).map(squeeze));
  });

  test("a field without a value and a line that is no listing are bugs, and thrown", () => {
    expect(() => assemble("48 b8 <where:8>  movabs rax,<where>")).toThrow("<where> has no value");
    expect(() => assemble("movabs rax,1")).toThrow("not a line of a listing");
  });

  test("values are little-endian, negative ones two's complement", () => {
    expect([...assemble("be <value:4>  mov esi,<value>", { value: 0x1020304 })]).toEqual([0xbe, 4, 3, 2, 1]);
    expect([...assemble("48 b8 <value:8>  movabs rax,<value>", { value: -2 })]).toEqual([0x48, 0xb8, 0xfe, ...Array.from({ length: 7 }, () => 0xff)]);
  });
});
