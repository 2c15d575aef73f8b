import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import * as elf from "../elf/constants.ts";
import { PAGE_SIZE } from "../elf/pages.ts";
import type { Tracee } from "./ptrace.ts";

/** A page of the donor: address, protection as PF_R, PF_W and PF_X, and 4096 bytes. */
export type Page = { readonly address: number; readonly flags: number; readonly bytes: Uint8Array };

/**
 * A mapping of a process: bytes from `start` up to `end`. `generated`: it is writable and executable, so a compiler
 * writes there.
 */
export type Mapping = {
  readonly start: number;
  readonly end: number;
  readonly flags: number;
  readonly generated: boolean;
};

/** The memory of a stopped donor. Pages are read when they turn out to be needed. */
export class DonorMemory {
  private readonly mappings: readonly Mapping[];

  constructor(private readonly donor: Tracee) {
    this.mappings = readMappings(donor.pid);
  }

  /** Reads `size` bytes at `address`. */
  read(address: number, size: number): Buffer {
    return this.donor.read(address, size);
  }

  /** The page at `address`; undefined if the donor has none there, or if it belongs to the kernel. */
  page(address: number): Page | undefined {
    const mapping = this.mappings.find(({ start, end }) => address >= start && address < end);
    if (mapping === undefined) return undefined;
    return { address, flags: mapping.flags, bytes: this.donor.read(address, PAGE_SIZE) };
  }
}

/** proc(5), /proc/PID/maps: "start-end perms offset dev inode name". Only readable ones that are not the kernel's. */
export function readMappings(pid: number): Mapping[] {
  return readFileSync(`/proc/${pid}/maps`, "latin1")
    .split("\n")
    .flatMap((line) => {
      const [, start, end, perms = "", name = ""] =
        /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
      const kernels = /^\[(vvar|vdso|vsyscall|stack)/.test(name);
      if (start === undefined || end === undefined || kernels || perms[0] !== "r") return [];
      return [
        {
          start: Number.parseInt(start, 16),
          end: Number.parseInt(end, 16),
          flags: protection(perms),
          generated: perms.startsWith("rwx"),
        },
      ];
    });
}

/** Generated code is finished, so executable memory need not be writable any more. */
function protection(perms: string): number {
  if (perms[2] === "x") return elf.PF_R | elf.PF_X;
  return perms[1] === "w" ? elf.PF_R | elf.PF_W : elf.PF_R;
}

/**
 * proc(5), /proc/PID/pagemap: 8 bytes for each page. Bit 63 says that it is present, bit 61 that it is still the
 * file's.
 */
const PRESENT = 1n << 63n;
const FILE_PAGE = 1n << 61n;

/** The pages that a process has written to, among those that its file has. */
export function readWritten(pid: number): number[] {
  const pagemap = openSync(`/proc/${pid}/pagemap`, "r");
  try {
    return readMappings(pid).flatMap(({ start, end }) => {
      const entries = new BigUint64Array((end - start) / PAGE_SIZE);
      readSync(pagemap, entries, 0, entries.byteLength, (start / PAGE_SIZE) * entries.BYTES_PER_ELEMENT);
      return Array.from(entries, (entry, index) => ({ entry, page: start + index * PAGE_SIZE }))
        .filter(({ entry }) => (entry & PRESENT) !== 0n && (entry & FILE_PAGE) === 0n)
        .map(({ page }) => page);
    });
  } finally {
    closeSync(pagemap);
  }
}
