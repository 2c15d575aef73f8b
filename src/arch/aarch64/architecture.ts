import type { Architecture } from "../architecture.ts";
import { CONSTANTS } from "./constants.ts";
import { DESCRIBED } from "./described.ts";
import { ENTRY, ROUTINES } from "./entry.ts";
import { PROCESSOR, SYSTEM_CALLS } from "./linux.ts";
import { STUB } from "./stub.ts";

/**
 * ELF for the Arm 64-bit Architecture (aaelf64): section 5.3 for the machine, 5.7.12 for the relocation types, 5.7.12.1
 * for TLS. Linux supports pages of 4, 16 and 64 kB.
 */
export const AARCH64: Architecture = {
  name: "AArch64",
  debian: "arm64",
  variant: "v8",
  gnuTriplet: "aarch64-linux-gnu",
  processArch: "arm64",
  bunTarget: "bun-linux-arm64-musl",
  bunPackage: "bun-linux-aarch64-musl",
  machine: 183,
  maxPageSize: 0x1_0000,
  relocations: new Map([
    [0x101, "address"], // R_AARCH64_ABS64
    [0x400, "copy"], // R_AARCH64_COPY
    [0x401, "address"], // R_AARCH64_GLOB_DAT
    [0x402, "address"], // R_AARCH64_JUMP_SLOT
    [0x403, "relative"], // R_AARCH64_RELATIVE
    [0x404, "tls-module"], // R_AARCH64_TLS_DTPMOD64
    [0x405, "tls-offset"], // R_AARCH64_TLS_DTPREL64
    [0x406, "thread-pointer-offset"], // R_AARCH64_TLS_TPREL64
    [0x407, "tls-descriptor"], // R_AARCH64_TLSDESC
  ]),
  // R_AARCH64_GLOB_DAT, R_AARCH64_JUMP_SLOT
  lazyRelocations: new Set([0x401, 0x402]),
  objectRelocations: new Map([
    [0x11a, "branch-26"], // R_AARCH64_JUMP26
    [0x11b, "branch-26"], // R_AARCH64_CALL26
    [0x137, "got-page"], // R_AARCH64_ADR_GOT_PAGE
    [0x138, "got-low-12"], // R_AARCH64_LD64_GOT_LO12_NC
  ]),
  muslArchive: "/usr/lib/aarch64-linux-musl/libc.a",
  tls: { variant: "I", reserved: 16 },
  muslLoader: "ld-musl-aarch64.so.1",
  libraryDirs: ["/usr/lib/aarch64-linux-gnu", "/lib/aarch64-linux-gnu"],
  entry: ENTRY,
  routines: ROUTINES,
  substitutes: {
    // libgcc reads AT_HWCAP with it to choose its atomic instructions.
    __getauxval: { alias: "getauxval" },
    // The runtime registers destructors for its main thread. They never run, because that thread ends with the process.
    __cxa_thread_atexit_impl: "returnZero",
  },
  processor: PROCESSOR,
  described: DESCRIBED,
  systemCalls: SYSTEM_CALLS,
  // The bottom-up layout begins at a quarter of the smallest address space, 39 bits.
  highestAddress: 0x20_0000_0000,
  stub: STUB,
  constants: CONSTANTS,
  emulator: {
    program: "qemu-system-aarch64",
    package: "qemu-system-arm",
    baseline: "cortex-a53",
    board: ["-machine", "virt"],
    // The board's one serial port is a PL011. The second one is of another kind, on its PCI bus.
    parameters: ["console=ttyAMA0"],
    secondPort: { arguments: ["-device", "pci-serial,chardev=port"], device: "ttyS0" },
    kernelPackage: "linux-image-cloud-arm64",
  },
};
