import { describe, expect, test } from "bun:test";
import { embeddedFiles } from "../../src/link/embedded.ts";

const MAGIC = [0x7f, 0x45, 0x4c, 0x46, 2, 1];

/** A payload of `files`, then their names, then Bun's table of modules with a row for each, at an odd place. */
function payload(files: readonly Uint8Array[], rows: (at: number, length: number) => readonly [number, number]) {
  const names = files.map((_, index) => Buffer.from(`/$bunfs/root/${index}.node`));
  const parts: Uint8Array[] = [];
  let end = 0;
  const put = (bytes: Uint8Array): number => {
    parts.push(bytes);
    end += bytes.length;
    return end - bytes.length;
  };
  const places = files.map(put);
  const named = names.map(put);
  put(Buffer.alloc(end % 2 === 0 ? 1 : 2));
  for (const [index, at] of places.entries()) {
    const [from, length] = rows(at, files[index]?.length ?? 0);
    put(Buffer.from(Uint32Array.of(named[index] ?? 0, names[index]?.length ?? 0, from, length).buffer));
  }
  return Buffer.concat(parts);
}

const elfFile = (size: number) => Buffer.concat([Buffer.from(MAGIC), Buffer.alloc(size - MAGIC.length, 1)]);
const sum = (files: readonly { readonly length: number }[]) => files.reduce((all, { length }) => all + length, 0);

describe("the files of a payload that may be addons", () => {
  test("are where the table of modules says, each with its name and no byte of the next", () => {
    const bytes = payload([elfFile(100), Buffer.from("a script"), elfFile(200)], (at, length) => [at, length]);
    expect(embeddedFiles(bytes)).toEqual([
      { at: 0, length: 100, name: "0.node" },
      { at: 108, length: 200, name: "2.node" },
    ]);
  });

  test("together are no longer than the payload, however many headers one holds and rows overlap", () => {
    const headers = Buffer.concat(Array.from({ length: 20_000 }, () => elfFile(64)));
    const one = payload([headers], (at, length) => [at, length]);
    expect(embeddedFiles(one).map(({ length }) => length)).toEqual([headers.length]);
    // Every file's row reaches to the end of the payload.
    const files = Array.from({ length: 20_000 }, () => elfFile(64));
    const all = payload(files, (at) => [at, files.length * 64 - at]);
    expect(sum(embeddedFiles(all))).toBeLessThanOrEqual(all.length);
    expect(embeddedFiles(all)).toHaveLength(1);
  });

  test("are in the first few places, if no table says where", () => {
    const found = embeddedFiles(Buffer.concat(Array.from({ length: 20_000 }, () => elfFile(64))));
    expect(found).toHaveLength(64);
    expect(found[1]).toEqual({ at: 64, length: 20_000 * 64 - 64, name: undefined });
  });
});
