import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { assemble, text, type Values } from "../../src/elf/listing.ts";

/** How to disassemble a file of bare code, by architecture. */
const DISASSEMBLERS: Readonly<Record<string, readonly string[]>> = {
  "x86-64": ["x86_64-linux-gnu-objdump", "-m", "i386:x86-64", "-M", "intel"],
  AArch64: ["aarch64-linux-gnu-objdump", "-m", "aarch64"],
};

/** All machine code of this project: its architecture, its name, and the listing. */
const LISTINGS = ARCHITECTURES.flatMap(({ name, entry, routines, stub: { look, start, copy, resume } }) =>
  [
    ...Object.entries(entry),
    ...routines,
    ...Object.entries({ "a look at a page": look, "a snapshot's start": start, "its copy": copy, "its end": resume }),
  ].map(([part, listing]) => [name, part, listing] as const),
);

/** A different value for each field; those of 8 bytes have the sign bit set. */
function values(listing: string): Record<string, number | bigint> {
  const fields = [
    ...new Set(Array.from(listing.matchAll(/<(\w+):(\d)>/g), ([, name = "", size = ""]) => `${name}:${size}`)),
  ];
  return Object.fromEntries(
    fields.map((field, index) => {
      const [name = "", size] = field.split(":");
      return [
        name,
        size === "8" ? 0xf102030405060700n + BigInt(index) : size === "1" ? 0x11 + index : 0x11223300 + index,
      ];
    }),
  );
}

/** objdump's disassembly of the bytes, with single spaces and without remarks: each instruction with its offset. */
async function disassemble(
  architecture: string,
  code: Uint8Array,
): Promise<(readonly [offset: number, line: string])[]> {
  const file = join(TEST_DIST, "listing.bin");
  await Bun.write(file, code);
  const out = await Bun.$`${DISASSEMBLERS[architecture] ?? []} -D -b binary --no-show-raw-insn ${file}`.text();
  return [...out.matchAll(/^ +([0-9a-f]+):\s+(.*?)(?:\/\/.*|\s# 0x[0-9a-f]+)?$/gm)].map(
    ([, offset = "", line = ""]) => [Number.parseInt(offset, 16), squeeze(line)] as const,
  );
}

const squeeze = (line: string) => line.replace(/\s+/g, " ").trim();

/** The lines of a listing by their offset. */
function rows(listing: string, fields: Values): (readonly [offset: number, line: string])[] {
  let offset = 0;
  return listing
    .trim()
    .split("\n")
    .map((line) => {
      const row = [offset, squeeze(text(line, fields).join())] as const;
      offset += assemble(line, fields).length;
      return row;
    });
}

describe("each listing's bytes match its text", () => {
  test.each(LISTINGS)("%s: %s", async (architecture, _part, listing) => {
    const fields = values(listing);
    const lines = rows(listing, fields);
    const found = await disassemble(architecture, assemble(listing, fields));
    // objdump also disassembles data: each line of data as two instructions.
    const data = lines.filter(([, line]) => line.startsWith(".quad")).flatMap(([offset]) => [offset, offset + 4]);
    expect(found.filter(([offset]) => !data.includes(offset))).toEqual(
      lines.filter(([offset]) => !data.includes(offset)),
    );
  });

  test("a field without a value and a line that is not a listing throw, as bugs", () => {
    expect(() => assemble("48 b8 <where:8>  movabs rax,<where>")).toThrow("<where> has no value");
    expect(() => assemble("movabs rax,1")).toThrow("not a line of a listing");
  });

  test("values are little-endian, negative ones two's complement", () => {
    expect([...assemble("be <value:4>  mov esi,<value>", { value: 0x1020304 })]).toEqual([0xbe, 4, 3, 2, 1]);
    expect([...assemble("48 b8 <value:8>  movabs rax,<value>", { value: -2 })]).toEqual([
      0x48,
      0xb8,
      0xfe,
      ...Array.from({ length: 7 }, () => 0xff),
    ]);
  });
});
