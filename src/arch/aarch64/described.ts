import type { DescribedProcessor } from "../processor.ts";

/** HWCAP_FP and HWCAP_ASIMD (Linux, Documentation/arm64/elf_hwcaps.rst): ARMv8.0-A has both and nothing else. */
const FP_AND_ASIMD = 3;

/** The runtime asks for nothing else: without HWCAP_CPUID, a program cannot read the identification registers. */
export const DESCRIBED: DescribedProcessor = {
  hwcap: FP_AND_ASIMD,
  illegal: Uint8Array.of(0, 0, 0, 0),
  cpuQueries: {},
};
