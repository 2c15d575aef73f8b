import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ARM64_PAUSE } from "../../harness/artifacts.ts";
import { compileFor } from "../../harness/compile.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { REFERENCE_PROGRAM } from "../../harness/reference.ts";
import { version } from "../../package.json";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { pageDown } from "../../src/elf/pages.ts";
import { checkShape } from "../../src/snapshot/check.ts";

const QEMU = "qemu-aarch64-static";
const bytes = readFileSync(ARM64_PAUSE);
const file = new ElfFile(ARM64_PAUSE, bytes);
const loads = file.segmentsOf(elf.PT_LOAD);
const granule = (value: number) => pageDown(value, AARCH64.maxPageSize);

describe("dist/arm64/pause as a file", () => {
  test("is an AArch64 executable with the layout of a snapshot", () => {
    expect(file.machine).toBe(AARCH64.machine);
    expect(() => checkShape(AARCH64, { bytes, segments: file.segments })).not.toThrow();
  });

  test("can be mapped with pages of 64 kB: each granule has one protection and one block of the file", () => {
    for (const { vaddr, memsz, offset } of loads) {
      expect(vaddr % AARCH64.maxPageSize).toBe(offset % AARCH64.maxPageSize);
      expect(granule(vaddr + memsz - 1)).toBe(granule(vaddr));
    }
    for (const members of Map.groupBy(loads, ({ vaddr }) => granule(vaddr)).values()) {
      expect(new Set(members.map(({ flags, offset }) => `${flags} at ${granule(offset)}`)).size).toBe(1);
    }
  });

  test("has its data outside the file, from the start of a granule: a kernel with pages of any size fills it with zeros", () => {
    const data = loads.filter(({ flags }) => (flags & elf.PF_W) !== 0);
    expect(data.map(({ filesz, vaddr }) => ({ filesz, place: vaddr % AARCH64.maxPageSize }))).toEqual([
      { filesz: 0, place: 0 },
    ]);
  });

  test("is at most half of the C reference for AArch64, and a fifth with gzip -9", () => {
    const reference = readFileSync(compileFor(AARCH64, REFERENCE_PROGRAM));
    const gzip = (content: Uint8Array<ArrayBuffer>) => Bun.gzipSync(content, { level: 9 }).length;
    expect(bytes.length / reference.length).toBeLessThanOrEqual(0.5);
    expect(gzip(bytes) / gzip(reference)).toBeLessThanOrEqual(0.2);
  });

  testNeeding(program(QEMU))("P2: prints the version in QEMU's user mode", () => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([QEMU, ARM64_PAUSE, "-v"]);
    expect({ exitCode, stdout: stdout.toString(), stderr: stderr.toString() }).toEqual({
      exitCode: 0,
      stdout: `pause.ts ${version}\n`,
      stderr: "",
    });
  });
});
