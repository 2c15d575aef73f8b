import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { MOST_ARCHIVE_BYTES } from "../../src/ship/image/limits.ts";
import { MOST_JSON_BYTES } from "../../src/support/json.ts";
import { MOST_FILE_BYTES } from "../../src/support/read-regular.ts";
import { descriptorOf, forged, INDEX, MANIFEST } from "../image/forge.ts";

const PROJECT = join(import.meta.dir, "..", "..");
const PEAK = join(PROJECT, "harness/peak.ts");
const FOLDER = mkdtempSync(join(tmpdir(), "pause-limits-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

/** The most memory that `bun run verify` may take for any input; some 100 MB are Bun's own. */
const MOST_MEMORY = 512 * 1024 * 1024;

const zeros = new Uint8Array(1024 * 1024 * 1024);
const deep = "[".repeat(MOST_JSON_BYTES / 2);
const many = (name: string) => `{${Array.from({ length: 60_000 }, (_, at) => `"${name}${at}":[]`).join()}}`;
/** A thousand descriptors, each of an index of a thousand. */
const nested = () => {
  const inner = Buffer.from(
    JSON.stringify({ schemaVersion: 2, manifests: Array(1000).fill(descriptorOf(MANIFEST, Buffer.of())) }),
  );
  const descriptor = { ...descriptorOf(INDEX, inner), platform: { os: "linux", architecture: "amd64" } };
  return forged({ index: (index) => ({ ...index, manifests: Array(1000).fill(descriptor) }), blobs: [inner] });
};

/** Files that are small, or claim to be, and what each would expand to. */
const hostile: Readonly<Record<string, () => Uint8Array>> = {
  "1 GB in one layer of gzip": () => forged({ layer: zeros.subarray(0, 512), pack: () => Bun.gzipSync(zeros) }),
  "1 GB in one layer of zstd": () =>
    forged({
      layer: zeros.subarray(0, 512),
      pack: () => zstdCompressSync(zeros),
      manifest: (manifest) => ({
        ...manifest,
        layers: [{ ...manifest.layers[0], mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" }],
      }),
    }),
  "indexes of indexes": nested,
  "lists within lists": () => forged({ list: () => deep }),
  "an object of many names": () => forged({ config: () => many("n") }),
  "a name of many escapes": () => forged({ config: () => `{"${"\\u0061".repeat(MOST_JSON_BYTES / 6 - 10)}":1}` }),
  "a string of many quotes": () => forged({ config: () => `"${'\\"'.repeat(MOST_JSON_BYTES / 2 - 2)}` }),
};

for (const [what, make] of Object.entries(hostile))
  test(`${what}: verify refuses it in one line, within the stated memory`, () => {
    const path = join(FOLDER, "archive");
    writeFileSync(path, make());
    refusedBy(path, 1);
  }, 60_000);

test("verify refuses files that are larger than an archive may be, or than any file may be", () => {
  const path = join(FOLDER, "large");
  writeFileSync(path, forged());
  truncateSync(path, MOST_ARCHIVE_BYTES + 512);
  refusedBy(path, 1);
  truncateSync(path, MOST_FILE_BYTES + 512);
  refusedBy(path, 2);
}, 60_000);

function refusedBy(path: string, status: number): void {
  const peak = join(FOLDER, "peak");
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [process.execPath, PEAK, peak, process.execPath, join(PROJECT, "src/ship/verify/cli.ts"), path],
    { stdin: "ignore", timeout: 60_000 },
  );
  expect({ exitCode, stdout: stdout.toString(), stderr: stderr.toString() }).toEqual({
    exitCode: status,
    stdout: "",
    stderr: expect.stringMatching(/^verify: [^\n]+\n$/),
  });
  expect(Number(readFileSync(peak, "utf8"))).toBeWithin(1, MOST_MEMORY);
}
