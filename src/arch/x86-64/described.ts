import type { DescribedProcessor } from "../processor.ts";

/**
 * x86-64-v2 (x86-64 psABI, section 3.1.1) and nothing beyond, as a Nehalem reports it. By leaf: EAX, EBX, ECX, EDX
 * (Intel SDM volume 2, "CPUID"); every other leaf is 0.
 */
const LEAVES: ReadonlyMap<number, readonly [eax: number, ebx: number, ecx: number, edx: number]> = new Map([
  // The highest leaf, and "GenuineIntel".
  [0, [0xb, 0x756e_6547, 0x6c65_746e, 0x4965_6e69]],
  // SSE3, SSSE3, CX16, SSE4.1, SSE4.2, POPCNT in ECX; FPU to SSE2 in EDX.
  [1, [0x1_06a3, 0x0010_0800, 0x0098_2201, 0x078b_fbff]],
  [0x8000_0000, [0x8000_0008, 0, 0, 0]],
  // LAHF; SYSCALL, NX, RDTSCP, long mode.
  [0x8000_0001, [0, 0, 1, 0x2810_0800]],
]);

/** EDX:EAX of XGETBV: the x87 and SSE states, no AVX. */
const XCR0 = 3;

/** Intel SDM volume 2: CPUID, XGETBV and UD2. */
export const DESCRIBED: DescribedProcessor = {
  // EDX of CPUID's leaf 1.
  hwcap: LEAVES.get(1)?.[3] ?? 0,
  illegal: Uint8Array.of(0x0f, 0x0b),
  cpuQueries: {
    cpuid: {
      instruction: Uint8Array.of(0x0f, 0xa2),
      answer: (registers) => {
        const [rax, rbx, rcx, rdx] = LEAVES.get(Number(BigInt.asUintN(32, registers.rax ?? 0n))) ?? [0, 0, 0, 0];
        return { rax, rbx, rcx, rdx };
      },
    },
    xgetbv: { instruction: Uint8Array.of(0x0f, 0x01, 0xd0), answer: () => ({ rax: XCR0, rdx: 0 }) },
  },
};
