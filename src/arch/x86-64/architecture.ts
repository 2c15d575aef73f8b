import type { Architecture } from "../architecture.ts";
import { CONSTANTS } from "./constants.ts";
import { DESCRIBED } from "./described.ts";
import { ENTRY, ROUTINES } from "./entry.ts";
import { PROCESSOR, SYSTEM_CALLS } from "./linux.ts";
import { STUB } from "./stub.ts";

/**
 * The x86-64 psABI: section 4.1 for the machine, 4.4.1 for the relocation types. Every Linux kernel for it has pages of
 * 4 kB.
 */
export const X86_64: Architecture = {
  name: "x86-64",
  debian: "amd64",
  variant: undefined,
  gnuTriplet: "x86_64-linux-gnu",
  processArch: "x64",
  bunTarget: "bun-linux-x64-musl",
  bunPackage: "bun-linux-x64-musl",
  machine: 62,
  maxPageSize: 0x1000,
  relocations: new Map([
    [1, "address"], // R_X86_64_64
    [5, "copy"], // R_X86_64_COPY
    [6, "address"], // R_X86_64_GLOB_DAT
    [7, "address"], // R_X86_64_JUMP_SLOT
    [8, "relative"], // R_X86_64_RELATIVE
    [16, "tls-module"], // R_X86_64_DTPMOD64
    [17, "tls-offset"], // R_X86_64_DTPOFF64
    [18, "thread-pointer-offset"], // R_X86_64_TPOFF64
  ]),
  // R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT
  lazyRelocations: new Set([6, 7]),
  objectRelocations: new Map([
    [2, "relative-32"], // R_X86_64_PC32
    [4, "relative-32"], // R_X86_64_PLT32
  ]),
  muslArchive: "/usr/lib/x86_64-linux-musl/libc.a",
  tls: { variant: "II" },
  muslLoader: "ld-musl-x86_64.so.1",
  libraryDirs: ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu"],
  entry: ENTRY,
  routines: ROUTINES,
  substitutes: {},
  processor: PROCESSOR,
  described: DESCRIBED,
  systemCalls: SYSTEM_CALLS,
  // The bottom-up layout begins at a third of 47 bits of address space.
  highestAddress: 0x1000_0000_0000,
  stub: STUB,
  constants: CONSTANTS,
  emulator: {
    program: "qemu-system-x86_64",
    package: "qemu-system-x86",
    baseline: "Nehalem",
    board: ["-machine", "pc"],
    // On a busy host, the emulated timer may tick too late for the kernel's check, which then panics.
    parameters: ["console=ttyS0", "no_timer_check"],
    secondPort: { arguments: ["-serial", "chardev:port"], device: "ttyS1" },
    kernelPackage: "linux-image-cloud-amd64",
  },
};
