import { expect } from "bun:test";
import fc from "fast-check";
import { readNewc } from "../../src/build/machine/newc.ts";
import { damaged, lineOr, property } from "./property.ts";

/** An archive by the format's description: 13 numbers of 8 digits, a name and a content, both padded to 4 bytes. */
function archive(files: readonly { name: string; content: Uint8Array; sizes: readonly [string, string] }[]): Buffer {
  const padded = (bytes: Uint8Array) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const record = (name: string, content: Uint8Array, [nameSize, size]: readonly [string, string]) => {
    const numbers = ["1", "81a4", "0", "0", "1", "0", size, "0", "0", "0", "0", nameSize, "0"];
    const header = Buffer.from(`070701${numbers.map((number) => number.padStart(8, "0")).join("")}${name}\0`);
    return [padded(header), padded(content)];
  };
  const all = files.flatMap(({ name, content, sizes }) => record(name, content, sizes));
  return Buffer.concat([...all, ...record("TRAILER!!!", Buffer.of(), ["b", "0"])]);
}

const file = fc
  .record({
    name: fc.stringMatching(/^[a-z/]{1,9}$/),
    content: fc.uint8Array({ maxLength: 20 }),
    lie: fc.option(
      fc.oneof(fc.stringMatching(/^[0-9a-fx -]{8}$/), fc.constantFrom("ffffffff", "80000000", "7ffffffd")),
    ),
    about: fc.nat(1),
  })
  .map(({ name, content, lie, about }) => {
    const sizes = [(name.length + 1).toString(16), content.length.toString(16)].map((size, at) =>
      lie !== null && at === about ? lie : size,
    );
    return { name, content, sizes: [sizes[0] ?? "", sizes[1] ?? ""] as const };
  });

const whole = archive([{ name: "status", content: Buffer.from("0\n"), sizes: ["7", "2"] }]);

property("newc", fc.oneof(fc.array(file, { maxLength: 4 }).map(archive), damaged(whole)), (input) => {
  const files = lineOr(() => readNewc(input));
  if (typeof files === "string") return;
  for (const content of files.values()) expect(content.length).toBeLessThanOrEqual(input.length);
});
