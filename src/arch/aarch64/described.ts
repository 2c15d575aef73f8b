import type { DescribedProcessor } from "../processor.ts";

/** HWCAP_FP and HWCAP_ASIMD (Linux, Documentation/arm64/elf_hwcaps.rst): ARMv8.0-A has both and nothing beyond. */
const FP_AND_ASIMD = 3;

/**
 * The runtime asks for nothing else: its identification registers cannot be read by a program that HWCAP_CPUID is not
 * told of.
 */
export const DESCRIBED: DescribedProcessor = {
  hwcap: FP_AND_ASIMD,
  illegal: Uint8Array.of(0, 0, 0, 0),
  cpuQueries: {},
};
