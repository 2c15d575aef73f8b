import { SnapshotError } from "./error.ts";
import { REG, type Stop, type Tracee } from "./ptrace.ts";
import { hex } from "../elf/file.ts";

/** Where in a runtime the instructions stand that ask a processor what it is: addresses. */
export type Questions = { readonly cpuid: readonly number[]; readonly xgetbv: readonly number[] };

/** Intel SDM volume 2: CPUID, XGETBV, and UD2, which stands in their places. */
const CPUID = [0x0f, 0xa2] as const;
const XGETBV = [0x0f, 0x01, 0xd0] as const;
const UD2 = [0x0f, 0x0b] as const;
const SIGILL = 4;

/**
 * The processor that the donor sees, whatever it runs on: x86-64-v2 (x86-64 psABI, section 3.1.1) and nothing beyond, as a
 * Nehalem says it. By leaf: EAX, EBX, ECX, EDX (Intel SDM volume 2, "CPUID"); every other leaf is 0.
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

/** AT_HWCAP is EDX of CPUID's leaf 1. */
export const HWCAP = LEAVES.get(1)?.[3] ?? 0;

/** Puts UD2 in the places of `questions`. @throws SnapshotError when there is something else in one: the pin is of another runtime. */
export function describeCpu(tracee: Tracee, { cpuid, xgetbv }: Questions): void {
  for (const [addresses, instruction] of [[cpuid, CPUID], [xgetbv, XGETBV]] as const) {
    for (const address of addresses) {
      const found = tracee.read(address, instruction.length);
      if (!found.equals(Uint8Array.from(instruction))) {
        throw new SnapshotError(`the runtime has ${found.toString("hex")} at ${hex(address)}, where the pin says that it asks for the processor; run: bun run pin ${Bun.version}`);
      }
      tracee.write(address, Uint8Array.from(UD2));
    }
  }
}

/** Answers the question that `stop` is; false when it is none. */
export function answerCpu(tracee: Tracee, { cpuid, xgetbv }: Questions, stop: Stop): boolean {
  if (stop.kind !== "signal" || stop.signal !== SIGILL) return false;
  const registers = tracee.registers();
  const rip = Number(registers[REG.rip]);
  if (xgetbv.includes(rip)) {
    tracee.set({ rax: XCR0, rdx: 0, rip: rip + XGETBV.length });
    return true;
  }
  if (!cpuid.includes(rip)) return false;
  const [rax, rbx, rcx, rdx] = LEAVES.get(Number(BigInt.asUintN(32, registers[REG.rax] ?? 0n))) ?? [0, 0, 0, 0];
  tracee.set({ rax, rbx, rcx, rdx, rip: rip + CPUID.length });
  return true;
}
