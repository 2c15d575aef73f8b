import { expect, test } from "bun:test";
import fc from "fast-check";
import { assemble } from "../../src/ship/image/assemble.ts";
import { readImages } from "../../src/ship/image/read.ts";
import { untar } from "../../src/ship/image/untar.ts";
import { sha256 } from "../../src/support/hash.ts";
import { type Forgery, forged, imageOf, tarOf, UNKNOWN } from "../image/forge.ts";
import { believe, likeGo } from "./other-readers.ts";
import { damaged, lineOr, property } from "./property.ts";

const mostly = <T>(plain: fc.Arbitrary<T>, odd: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 3, arbitrary: plain }, { weight: 1, arbitrary: odd });

const other = imageOf({ layer: tarOf({ name: "pause", content: "other" }) });
const NAMES = [
  "manifests",
  "Manifests",
  "layers",
  "Layers",
  "config",
  "digest",
  "size",
  "platform",
  "os",
  "architecture",
  "Entrypoint",
  "entrypoint",
  "user",
  "User",
  "mediaType",
  "urls",
  "data",
  "annotations",
  "schemaVersion",
  "rootfs",
  "variant",
];
const value = fc.oneof(
  fc.constantFrom<unknown>(null, [], {}, "", "unknown", 0, 2, "linux", "arm64", UNKNOWN),
  fc.constantFrom<unknown>(other.descriptor, [other.descriptor], [{ ...other.descriptor, platform: UNKNOWN }], {
    ...other.descriptor,
    platform: { os: "linux", architecture: "arm64" },
  }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** A member of an object whose value is a text or a number, with its comma. */
const MEMBER = /"\w+":("[^"]*"|\d+),?/g;

/** Adds a member before or after those of some object, even if it has one of that name; or repeats or drops one. */
const edit = fc
  .record({
    name: fc.constantFrom(...NAMES),
    value,
    at: fc.nat(20),
    how: fc.constantFrom(...(["put", "append", "drop", "twice"] as const)),
  })
  .map(({ name, value, at, how }) => (document: unknown) => {
    const text = JSON.stringify(document);
    const where = { put: /\{/g, append: /\}/g, drop: MEMBER, twice: MEMBER }[how];
    const places = [...text.matchAll(where)];
    const place = places[at % Math.max(1, places.length)];
    if (place === undefined) return text;
    const [before, found, after] = [text.slice(0, place.index), place[0], text.slice(place.index + place[0].length)];
    const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
    if (how === "append") return `${before}${before.endsWith("{") ? "" : ","}${member}}${after}`;
    if (how === "drop") return before + after;
    if (how === "twice") return `${before}${found.replace(/,?$/, ",")}${found}${after}`;
    return `${before}{${member}${after.startsWith("}") ? "" : ","}${after}`;
  });
const maybe = mostly(fc.constant(undefined), edit);
const pack = mostly(
  fc.constant(undefined),
  fc.constantFrom(
    (tar: Uint8Array<ArrayBuffer>) =>
      Buffer.concat([Bun.gzipSync(tar), Bun.gzipSync(tarOf({ name: "pause", content: "other" }))]),
    (tar: Uint8Array<ArrayBuffer>) => Buffer.concat([Bun.gzipSync(tar), Buffer.from("trailing")]),
    (tar: Uint8Array<ArrayBuffer>) => Buffer.concat([Bun.gzipSync(tar), Bun.gzipSync(tar)]),
    (tar: Uint8Array<ArrayBuffer>) => tar,
  ),
);
const forgeries: fc.Arbitrary<Forgery> = fc
  .record({ config: maybe, manifest: maybe, index: maybe, list: maybe, pack })
  .map((forgery) => ({
    ...Object.fromEntries(Object.entries(forgery).filter(([, each]) => each !== undefined)),
    blobs: other.blobs,
  }));

const texts = { licenses: [{ name: "LICENSE", text: "as is" }], attest: () => [{ name: "said.json", text: "{}" }] };
const contents = { name: "pause:x", file: "pause", user: "65535:65535", labels: {}, timestamp: 0 };
const programs = ["amd64", "arm64"].map((architecture) => ({ architecture, bytes: Buffer.from(architecture) }));
const whole = [
  forged(),
  forged({ dockers: (document) => document }),
  assemble(contents, programs, "amd64", texts).archive,
];

const inputs = fc.oneof(
  forgeries.map(forged),
  fc.constantFrom(...whole).chain((archive) => damaged(archive)),
);

let [read, refused] = [0, 0];
property("image", inputs, async (input) => {
  const images = lineOr(() => readImages("archive", input));
  if (typeof images === "string") return void refused++;
  read++;
  const here = images.map(({ os, architecture, config, layers }) => ({
    platform: `${os}/${architecture}`,
    entrypoint: config.entrypoint,
    user: config.user,
    files: Object.fromEntries(
      layers.flatMap(({ tar }) => untar("layer", tar)).map(({ path, bytes }) => [path, sha256(bytes)]),
    ),
  }));
  // An image for no platform has nothing to run.
  const believed = await believe(input, likeGo);
  const attached = believed.filter(({ platform }) => platform === "unknown/unknown");
  expect(attached.map(({ entrypoint }) => entrypoint)).toEqual(attached.map(() => []));
  expect(believed.filter((each) => !attached.includes(each))).toEqual(here);
});

test("some of the generated archives are read, and some refused", () => {
  expect(read).toBeGreaterThan(10);
  expect(refused).toBeGreaterThan(10);
});
