import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { amount } from "../../bench/format.ts";
import { UPSTREAM } from "../../bench/peers.ts";
import { ARM64_PAUSE } from "../../harness/artifacts.ts";
import { compileFor } from "../../harness/compile.ts";
import { marked } from "../../harness/marks.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { PT_LOAD } from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { sha256 } from "../../src/support/hash.ts";

const page = readFileSync(join(import.meta.dir, "..", "..", "docs", "architectures.md"), "utf8");
const ours = readFileSync(ARM64_PAUSE);
const compressed = (bytes: Uint8Array) => gzipSync(bytes, { level: 9 }).length;

test.each([
  ["kernels", "matrix:arm64"],
  ["measured", "bench:arm64"],
])("docs/architectures.md, %s: the table describes the file that was built", (mark, command) => {
  expect(/SHA-256 (\w+)/.exec(marked(page, mark))?.[1], `run again: bun run ${command}`).toBe(sha256(ours));
});

test("docs/architectures.md, kernels: every test passed", () => {
  const failed = [...marked(page, "kernels").matchAll(/^\|.*\| (\d+) \|$/gm)].map(([, count]) => count);
  expect([failed.length >= 8, ...new Set(failed)]).toEqual([true, "0"]);
});

test("docs/architectures.md, measured: the figures that can be computed from the file are right", () => {
  const segments = new ElfFile(ARM64_PAUSE, ours).segmentsOf(PT_LOAD).length;
  const computed = {
    file: amount(ours.length, "bytes"),
    "gzip -9": amount(compressed(ours), "bytes"),
    segments: amount(segments, "count"),
  };
  const rows = [...marked(page, "measured").matchAll(/^\| (file|gzip -9|segments) \| \S+ \| (.*?) \|/gm)];
  expect(Object.fromEntries(rows.map(([, what, value]) => [what, value])), "run again: bun run bench:arm64").toEqual(
    computed,
  );
});

const compiler = `${AARCH64.gnuTriplet}-gcc`;
testNeeding(program(compiler))(
  "dist/arm64/pause is at most half of the C program as upstream links its own, and a fifth when both are compressed",
  () => {
    const theirs = readFileSync(compileFor(AARCH64, UPSTREAM));
    expect(ours.length / theirs.length).toBeLessThanOrEqual(0.5);
    expect(compressed(ours) / compressed(theirs)).toBeLessThanOrEqual(0.2);
  },
);
