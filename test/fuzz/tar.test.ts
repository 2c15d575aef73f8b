import { expect, test } from "bun:test";
import fc from "fast-check";
import { program, testNeeding } from "../../harness/privilege.ts";
import { untar } from "../../src/ship/image/untar.ts";
import { sha256 } from "../../src/support/hash.ts";
import { extended, type Member, memberOf, tarOf } from "../image/forge.ts";
import { libarchive, type Seen, unpacked } from "./other-readers.ts";
import { damaged, lineOr, property } from "./property.ts";

/** Either of the two, mostly the plain one. */
const mostly = <T>(plain: fc.Arbitrary<T>, odd: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 12, arbitrary: plain }, { weight: 1, arbitrary: odd });
const octal = (digits: number) => fc.nat(0o777).map((value) => `${value.toString(8).padStart(digits - 1, "0")}\0`);

const name = mostly(
  fc.constantFrom("pause", "./pause", "a/b", "./", "a/", "b", "./c"),
  fc.oneof(
    fc.constantFrom("/pause", "a//b", "../pause", "", ".", "pause/", "./.", "PAUSE", "pausé"),
    fc.string({ maxLength: 100 }),
  ),
);
const member: fc.Arbitrary<Member> = fc
  .record({
    name,
    content: fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constant(memberOf({ name: "pause", content: "hidden" }).toString("latin1")),
    ),
    type: mostly(fc.constantFrom("0", "5"), fc.constantFrom(..."1234567gxLKSDMNVXA\0 ")),
    size: mostly(
      fc.constant(undefined),
      fc.oneof(
        octal(12),
        fc.string({ minLength: 12, maxLength: 12 }),
        fc.constantFrom("\x80\0\0\0\0\0\0\0\0\0\x02\0", "-1"),
      ),
    ),
    mode: mostly(octal(8), fc.string({ minLength: 8, maxLength: 8 })),
    magic: mostly(
      fc.constantFrom("ustar\x0000", "ustar  \0"),
      fc.constantFrom("\0".repeat(8), "ustar\x0001", "ustar   "),
    ),
    bytes: mostly(
      fc.constant({}),
      fc.dictionary(fc.integer({ min: 0, max: 511 }).map(String), fc.string({ minLength: 1, maxLength: 4 }), {
        maxKeys: 2,
      }),
    ),
    padding: mostly(fc.constant("\0"), fc.constant("x")),
  })
  // Folders mostly have no contents.
  .map(({ type, content, ...rest }) => ({
    ...rest,
    type,
    content: type === "5" && content.length < 19 ? "" : Buffer.from(content, "latin1"),
  }));
const about = fc
  .array(
    mostly(
      fc.constantFrom("mtime=1", "uid=0", "gname=root"),
      fc.constantFrom("path=b", "path=", "size=0", "size=600", "mtime=", "linkpath=b", "GNU.sparse.name=b"),
    ),
    { maxLength: 3 },
  )
  .map((records) => extended(...records));
const generated = fc
  .array(fc.oneof({ weight: 4, arbitrary: member }, { weight: 1, arbitrary: about }), { maxLength: 4 })
  .map((members) => tarOf(...members));

const written = fc.constantFrom(
  tarOf({ name: "pause", content: "it" }),
  tarOf({ name: "./", type: "5" }, { name: "./pause", content: "it".repeat(400) }),
  tarOf(extended("mtime=1.5", "uid=0"), { name: "pause", content: "it" }, { name: "a/", type: "5" }, { name: "a/b" }),
);
const inputs = fc.oneof(
  generated,
  written.chain((archive) => damaged(archive)),
);

/** What our reader sees, in the others' form. */
function seenHere(input: Uint8Array): Seen {
  const members = lineOr(() => untar("archive", input));
  if (typeof members === "string") return members;
  return Object.fromEntries(
    members
      .filter(({ path }) => path !== "")
      .map(({ path, type, bytes }) => [path, type === "folder" ? type : sha256(bytes)]),
  );
}

/** Readers create the folders on the way to files by themselves. */
const files = (seen: Seen): Seen =>
  typeof seen === "string" ? seen : Object.fromEntries(Object.entries(seen).filter(([, is]) => is !== "folder"));

let [read, refused] = [0, 0];
property("tar", inputs, async (input) => {
  const here = seenHere(input);
  if (typeof here === "string") return void refused++;
  read++;
  expect(await libarchive(input)).toEqual(files(here));
});

test("some of the generated archives are read, and some refused", () => {
  expect(read).toBeGreaterThan(10);
  expect(refused).toBeGreaterThan(10);
});

for (const [what, command] of [
  ["tar", ["tar", "--extract", "--file"]],
  ["busybox", ["busybox", "tar", "-xf"]],
  ["bsdtar", ["bsdtar", "-xf"]],
] as const)
  testNeeding(program(what))(`reads what ${what} unpacks`, () => {
    for (const input of fc.sample(inputs, { numRuns: 150, seed: 1 })) {
      const here = seenHere(input);
      if (typeof here === "string") continue;
      expect(files(unpacked(command, input))).toEqual(files(here));
    }
  });
