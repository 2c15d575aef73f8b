import { describe, expect, test } from "bun:test";
import { beyondV2 } from "../../src/snapshot/isa.ts";

const bytes = (hex: string) => Uint8Array.from(hex.split(" "), (byte) => Number.parseInt(byte, 16));

describe("E10: instructions that x86-64-v2 does not have are told from those it has", () => {
  test.each([
    ["vmovq xmm0,rdx", "c4 e1 f9 6e c2"],
    ["vzeroupper", "c5 f8 77"],
    ["vmovdqu64 zmm0,[rax] (EVEX)", "62 f1 fe 48 6f 00"],
    ["andn eax,ebx,ecx (BMI1)", "c4 e2 60 f2 c1"],
    ["movbe eax,[rcx]", "0f 38 f0 01"],
    ["movbe rax,[rcx]", "48 0f 38 f0 01"],
    ["lzcnt rax,rcx", "f3 48 0f bd c1"],
    ["tzcnt eax,ecx", "f3 0f bc c1"],
    ["aesenc xmm0,xmm1", "66 0f 38 dc c1"],
    ["pclmulqdq xmm0,xmm1,0", "66 0f 3a 44 c1 00"],
    ["rdrand eax", "0f c7 f0"],
    ["xgetbv", "0f 01 d0"],
  ])("%s is beyond", (_, code) => expect(beyondV2(bytes(code))).toBe(true));

  test.each([
    ["mov rax,rcx", "48 89 c8"],
    ["bsr rax,rcx", "48 0f bd c1"],
    ["popcnt rax,rcx", "f3 48 0f b8 c1"],
    ["crc32 eax,ecx", "f2 0f 38 f1 c1"],
    ["pshufb xmm0,xmm1", "66 0f 38 00 c1"],
    ["pextrd eax,xmm0,1", "66 0f 3a 16 c0 01"],
    ["cmpxchg16b [rdi]", "48 0f c7 0f"],
    ["cvttsd2si rdx,xmm0", "f2 48 0f 2c d0"],
    ["pause", "f3 90"],
    ["syscall", "0f 05"],
    ["lea rax,[rax] in a byte that reads c4 later", "48 8d 80 c4 00 00 00"],
  ])("%s is not", (_, code) => expect(beyondV2(bytes(code))).toBe(false));
});
