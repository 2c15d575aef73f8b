import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Artifact, artifacts, PAUSE } from "../../harness/artifacts.ts";
import { withCgroup } from "../../harness/cgroup.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { kilobytes } from "../../harness/proc.ts";
import { parked, times } from "../../harness/stage.ts";
import { hostArchitecture } from "../../src/arch/architectures.ts";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { checkShape } from "../../src/snapshot/check.ts";
import { faultsOf } from "../../src/snapshot/rehearse.ts";
import { USUAL } from "../../src/snapshot/scenarios.ts";

const REFERENCE = artifacts().find(({ name }) => name === "C reference") ?? PAUSE;
const file = readFileSync(PAUSE.path);
const snapshot = new ElfFile("dist/pause", file);

describe("dist/pause as a file", () => {
  test("is a static executable of 4 pages and 3 program headers: code, memory that is not in the file, the stack", () => {
    const [code, data] = snapshot.segmentsOf(elf.PT_LOAD);
    expect(snapshot.segments.map(({ type }) => type)).toEqual([elf.PT_LOAD, elf.PT_LOAD, elf.PT_GNU_STACK]);
    expect([code?.filesz, code?.memsz, data?.filesz]).toEqual([3 * 4096, 3 * 4096, 0]);
    expect(Math.ceil((data?.memsz ?? 0) / 4096)).toBe(1);
    // Section headers follow the last page; C with musl has 17,808 bytes.
    expect(file.length).toBeLessThanOrEqual(3 * 4096 + 512);
    expect(() => checkShape(hostArchitecture(), { bytes: file, segments: snapshot.segments })).not.toThrow();
  });

  test("takes as many page faults until its exit as it has segments, plus one for its stack and one more", () => {
    faultsOf(PAUSE.path, USUAL);
    expect(faultsOf(PAUSE.path, USUAL)).toBeLessThanOrEqual(4);
  });

  test("has no segment that is both writable and executable, its program headers in the first page, and nothing where stacks go", () => {
    for (const { flags } of snapshot.segments) expect(flags & (elf.PF_W | elf.PF_X)).not.toBe(elf.PF_W | elf.PF_X);
    expect(elf.EHDR_SIZE + snapshot.segments.length * elf.PHDR_SIZE).toBeLessThanOrEqual(4096);
    for (const { vaddr, memsz } of snapshot.segments) expect(vaddr + memsz).toBeLessThan(0x2aaa_aaaa_a000);
  });

  test("has nothing below 4 MiB, and nothing of the runtime's own machine code or data", () => {
    const dynamic = join(PAUSE.path, "..", "pause-dynamic");
    const runtime = new ElfFile(dynamic, readFileSync(dynamic)).segmentsOf(elf.PT_LOAD);
    const [start, end] = [
      Math.min(...runtime.map(({ vaddr }) => vaddr)),
      Math.max(...runtime.map(({ vaddr, memsz }) => vaddr + memsz)),
    ];
    for (const { type, vaddr } of snapshot.segments) {
      if (type !== elf.PT_LOAD) continue;
      expect(vaddr).toBeGreaterThanOrEqual(0x40_0000);
      expect(vaddr >= start && vaddr < end).toBe(false);
    }
  });

  test("matches what the build recorded of it", async () => {
    const { artifacts, snapshot: taken } = await Bun.file(join(PAUSE.path, "..", "provenance.json")).json();
    expect(artifacts).toContainEqual({
      path: "pause",
      bytes: file.length,
      sha256: new Bun.CryptoHasher("sha256").update(file).digest("hex"),
    });
    expect(taken).toEqual({
      pages: 4,
      segments: snapshot.segments.length,
      candidates: expect.any(Number),
    });
  });
});

describe("dist/pause against the C reference", () => {
  test("file and gzip -9", () => {
    const reference = readFileSync(REFERENCE.path);
    const gzip = (bytes: Uint8Array<ArrayBuffer>) => Bun.gzipSync(bytes, { level: 9 }).length;
    report("file, bytes", file.length, reference.length);
    report("gzip -9, bytes", gzip(file), gzip(reference));
    // C with musl has 17,808 bytes, and 4,770 compressed.
    expect(file.length / reference.length).toBeLessThanOrEqual(0.02);
    expect(gzip(file)).toBeLessThanOrEqual(3_900);
  });

  testNeeding(NEEDS.namespaces)("memory while parked as PID 1, and not as PID 1", async () => {
    const [ours, theirs] = [await memory(PAUSE, true), await memory(REFERENCE, true)];
    report("resident, kB", ours.VmRSS, theirs.VmRSS);
    report("of it anonymous, kB", ours.RssAnon, theirs.RssAnon);
    report("page tables, kB", ours.VmPTE, theirs.VmPTE);
    expect(ours.VmRSS / theirs.VmRSS).toBeLessThanOrEqual(0.05);
    expect(ours.RssAnon / theirs.RssAnon).toBeLessThanOrEqual(0.2);
    expect(ours.VmPTE / theirs.VmPTE).toBeLessThanOrEqual(1);

    const [second, third] = [await memory(PAUSE, false), await memory(REFERENCE, false)];
    report("resident, not as PID 1, kB", second.VmRSS, third.VmRSS);
    expect(second.VmRSS / third.VmRSS).toBeLessThanOrEqual(0.6);
  });

  testNeeding(NEEDS.namespaces)("memory cgroup charge of 100, as PID 1", async () => {
    const [ours, theirs] = [await charge(PAUSE, 100), await charge(REFERENCE, 100)];
    report("charged for 100, bytes", ours, theirs);
    expect(ours / theirs).toBeLessThanOrEqual(0.75);
  });

  testNeeding(NEEDS.namespaces)("time to park and to end, as PID 1: reported", async () => {
    const [ours, theirs] = await times(300, PAUSE.path, REFERENCE.path);
    if (ours === undefined || theirs === undefined) throw new Error("the drill printed no times");
    report("exec to parked, median ns", ours.start, theirs.start);
    report("SIGTERM to exit, median ns", ours.end, theirs.end);
  });
});

const FIELDS = ["VmRSS", "RssAnon", "VmPTE"] as const;

/** The least of five starts, because the kernel's layout of the initial stack varies by a page. */
async function memory(artifact: Artifact, first: boolean): Promise<Record<(typeof FIELDS)[number], number>> {
  const least = { VmRSS: Infinity, RssAnon: Infinity, VmPTE: Infinity };
  for (let start = 0; start < 5; start++) {
    await parked(artifact, { first }, ({ pid }) => {
      for (const field of FIELDS) least[field] = Math.min(least[field], kilobytes(pid, field));
      return Promise.resolve();
    });
  }
  return least;
}

/** The charge to a memory cgroup for `count` of them, bytes; by then, their file's pages are in the page cache. */
async function charge(artifact: Artifact, count: number): Promise<number> {
  let bytes = 0;
  await withCgroup({ memoryBytes: 1 << 30, pids: 10_000 }, async (directories, usage) => {
    const make = directories.map((directory) => `cgroup=${directory}`);
    const start = (left: number): Promise<void> =>
      parked(artifact, { make }, async () => {
        if (left > 1) return start(left - 1);
        bytes = usage();
      });
    await parked(artifact, {}, () => Promise.resolve());
    await start(count);
  });
  return bytes;
}

function report(what: string, ours: number, theirs: number): void {
  console.log(`${what}: ${ours} against ${theirs}, ratio ${(ours / theirs).toFixed(3)}`);
}
