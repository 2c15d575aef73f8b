import { describe, expect, test } from "bun:test";
import { assemble } from "../../src/ship/image/assemble.ts";
import { ImageError } from "../../src/ship/image/error.ts";
import { readImages } from "../../src/ship/image/read.ts";
import { type TarEntry, tar } from "../../src/ship/image/tar.ts";
import { untar } from "../../src/ship/image/untar.ts";
import { sha256 } from "../../src/support/hash.ts";

const CONTENTS = {
  name: "localhost/pause:x",
  file: "pause",
  user: "65535:65535",
  labels: { a: "b" },
  timestamp: 1_700_000_000,
};
const PROGRAMS = [
  { architecture: "amd64", bytes: Buffer.from("one") },
  { architecture: "arm64", bytes: Buffer.from("other") },
] as const;
const ARCHIVE = assemble(CONTENTS, PROGRAMS, "amd64").archive;

const entries = (): TarEntry[] =>
  untar("archive", ARCHIVE).map(({ path, bytes }) => ({ name: path, bytes, mode: 0o644 }));
/** The header of a member, as older archives have it too (POSIX pax, "ustar Interchange Format"). */
function header(path: string, type: string, { size = "0", magic = "ustar\x0000", prefix = "" } = {}): Buffer {
  const block = Buffer.alloc(512);
  block.write(path, 0);
  block.write("0000755\0", 100);
  block.write(`${size.padStart(11, "0")}\0`, 124);
  block.write(`        ${type}`, 148);
  block.write(magic, 257);
  block.write(prefix, 345);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  return block;
}

/** What stands behind a header, up to the next one. */
const padded = (contents: string) =>
  Buffer.concat([Buffer.from(contents), Buffer.alloc(-Buffer.byteLength(contents) & 511)]);

/** An extended header with these records. */
const extended = (records: string) =>
  Buffer.concat([header("about", "x", { size: records.length.toString(8) }), padded(records)]);

const END = Buffer.alloc(1024);

const written = (files: readonly TarEntry[]) => tar(files, 0);
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const blobName = (bytes: Uint8Array) => `blobs/sha256/${sha256(bytes)}`;

/** The archive with another file at `name`. */
const withFile = (name: string, change: (bytes: Uint8Array) => Uint8Array) =>
  written(entries().map((each) => (each.name === name ? { ...each, bytes: change(each.bytes) } : each)));

/** A layout whose index.json leads to these descriptors, with these blobs. */
const layout = (manifests: readonly unknown[], blobs: readonly Uint8Array[], ...others: TarEntry[]) =>
  written([
    { name: "index.json", bytes: json({ manifests }), mode: 0o644 },
    ...blobs.map((bytes) => ({ name: blobName(bytes), bytes, mode: 0o644 })),
    ...others,
  ]);

/** A manifest, its configuration and its layer, of one file. */
function image(
  mediaType: string,
  pack: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array,
  diffs: (digest: string) => readonly string[] = (digest) => [digest],
) {
  const files = tar([{ name: "pause", bytes: Buffer.from("it"), mode: 0o755 }], 0);
  const layer = pack(files);
  const config = json({
    os: "linux",
    architecture: "amd64",
    config: { Env: ["a=b"] },
    rootfs: { diff_ids: diffs(`sha256:${sha256(files)}`) },
  });
  const manifest = json({ config: describing(config), layers: [{ ...describing(layer), mediaType }] });
  return { descriptor: describing(manifest), blobs: [manifest, config, layer] };
}
const describing = (bytes: Uint8Array) => ({ digest: `sha256:${sha256(bytes)}`, size: bytes.length });

const refused = (archive: Uint8Array) => {
  try {
    readImages("archive", archive);
  } catch (error) {
    expect(error).toBeInstanceOf(ImageError);
    return error instanceof Error ? error.message : "";
  }
  throw new Error("it was read");
};

describe("the images of an archive", () => {
  test("are those that were put into it, by platform, with what is said of each", () => {
    const images = readImages("archive", ARCHIVE);
    expect(images.map(({ os, architecture, config }) => ({ os, architecture, config }))).toEqual(
      PROGRAMS.map(({ architecture }) => ({
        os: "linux",
        architecture,
        config: { user: "65535:65535", entrypoint: ["/pause"], env: [], labels: { a: "b" } },
      })),
    );
    const files = images.flatMap(({ layers }) => layers.flatMap((layer) => untar("layer", layer.tar)));
    expect(files.map(({ path, type, mode, bytes }) => [path, type, mode, Buffer.from(bytes).toString()])).toEqual(
      PROGRAMS.map(({ bytes }) => ["pause", "0", 0o755, bytes.toString()]),
    );
  });

  test.each([
    [
      "gzip, in Docker's words",
      "application/vnd.docker.image.rootfs.diff.tar.gzip",
      (bytes: Uint8Array<ArrayBuffer>) => Bun.gzipSync(bytes),
    ],
    [
      "zstd",
      "application/vnd.oci.image.layer.v1.tar+zstd",
      (bytes: Uint8Array<ArrayBuffer>) => Bun.zstdCompressSync(bytes),
    ],
    ["plain", "application/vnd.oci.image.layer.v1.tar", (bytes: Uint8Array<ArrayBuffer>) => bytes],
  ])("are read with a layer that is %s", (_, mediaType, pack) => {
    const { descriptor, blobs } = image(mediaType, pack);
    const images = readImages("archive", layout([descriptor], blobs));
    expect(images.map(({ config }) => config.env)).toEqual([["a=b"]]);
    expect(
      images.flatMap(({ layers }) => layers.flatMap((layer) => untar("layer", layer.tar))).map(({ path }) => path),
    ).toEqual(["pause"]);
  });

  test("are each there once, however often an index leads to one, and without the attestations beside them", () => {
    const { descriptor, blobs } = image("tar", (bytes) => bytes);
    const attestation = {
      ...describing(Buffer.from("an attestation")),
      platform: { os: "unknown", architecture: "unknown" },
    };
    const index = json({ manifests: [descriptor, attestation] });
    expect(
      readImages("archive", layout([describing(index), descriptor, attestation], [index, ...blobs])).map(
        ({ digest }) => digest,
      ),
    ).toEqual([descriptor.digest]);
  });
});

describe("what is no regular file in an archive", () => {
  test("is nothing of the image: folders, however often they stand there", () => {
    const folder = header("blobs/", "5");
    expect(readImages("archive", Buffer.concat([folder, folder, ARCHIVE])).length).toBe(PROGRAMS.length);
  });

  test("stands for none: a link in the place of the index", () => {
    expect(refused(Buffer.concat([header("index.json", "2"), END]))).toMatch(
      /no OCI image layout, since it has no index\.json; /,
    );
  });
});

describe("an archive is refused in one line", () => {
  const [layer = ""] = entries()
    .map(({ name }) => name)
    .filter((name) => name.startsWith("blobs/"));

  test("that is cut short, wherever", () => {
    for (const length of [0, 100, 600, 5000, ARCHIVE.findLastIndex((byte) => byte !== 0) + 1])
      expect(refused(ARCHIVE.subarray(0, length)), `${length}`).toMatch(
        /^archive: (the tar archive is cut short|no OCI image layout)/,
      );
  });

  test("whose header is damaged, or that goes on behind its end", () => {
    const damaged = Buffer.from(ARCHIVE);
    damaged.writeUInt8(0x41, 3);
    expect(refused(damaged)).toMatch(/the header at byte 0 has not the sum that it says/);
    expect(refused(Buffer.concat([ARCHIVE, ARCHIVE]))).toMatch(/has something behind its end/);
  });

  test("with a blob that was changed, or is missing", () => {
    const changed = (bytes: Uint8Array) => Buffer.from(bytes).fill(0, 20, 21);
    expect(refused(withFile(layer, changed))).toMatch(
      /^archive: blob sha256:[0-9a-f]{64} is not what it is named by: its digest is sha256:[0-9a-f]{64}; /,
    );
    expect(refused(written(entries().filter(({ name }) => name !== layer)))).toMatch(
      /^archive: blob sha256:[0-9a-f]{64} is missing; /,
    );
  });

  test("whose layers are not those of the configuration", () => {
    for (const diffs of [(digest: string) => [digest, digest], (digest: string) => [digest.replace(/.{4}$/, "ffff")]]) {
      const { descriptor, blobs } = image("tar", (bytes) => bytes, diffs);
      expect(refused(layout([descriptor], blobs))).toMatch(
        /the layers of linux\/amd64 are not those that its configuration names/,
      );
    }
  });

  test("with a layer in a form that is not read, or that cannot be unpacked", () => {
    const other = image("application/vnd.oci.image.layer.v1.tar+xz", (bytes) => bytes);
    expect(refused(layout([other.descriptor], other.blobs))).toMatch(/a layer of media type \S+xz is not read here/);
    const broken = image("tar+gzip", (bytes) => bytes);
    expect(refused(layout([broken.descriptor], broken.blobs))).toMatch(/a layer cannot be unpacked/);
  });

  test("whose index has an image for another platform than the image itself says", () => {
    const { descriptor, blobs } = image("tar", (bytes) => bytes);
    for (const [os, architecture] of [
      ["linux", "arm64"],
      ["windows", "amd64"],
    ]) {
      expect(refused(layout([{ ...descriptor, platform: { os, architecture } }], blobs))).toContain(
        `an image for ${os}/${architecture} that is for linux/amd64 by its own configuration`,
      );
    }
  });

  test("where docker load would take another layer or configuration than the index has", () => {
    const { descriptor, blobs } = image("tar", (bytes) => bytes);
    const [, config, layer] = blobs.map(blobName);
    const other = Buffer.from("another");
    for (const [Config, Layers] of [
      [config, [blobName(other)]],
      [blobName(other), [layer]],
    ]) {
      const dockers = { name: "manifest.json", bytes: json([{ Config, Layers }]), mode: 0o644 };
      expect(refused(layout([descriptor], [...blobs, other], dockers))).toContain(
        `its manifest.json, by which docker load goes, names ${blobName(other)}, which is in none`,
      );
    }
  });

  test("that has a file twice, and which counts depends on the reader", () => {
    const [first, ...rest] = entries();
    const twice = Buffer.concat([
      ARCHIVE.subarray(0, 1024),
      written([...(first === undefined ? [] : [first]), ...rest]),
    ]);
    expect(refused(twice)).toMatch(/^archive: the archive has oci-layout twice/);
  });

  test("that is none of an image, or whose JSON is not what it should be", () => {
    expect(refused(written([{ name: "file", bytes: json({}), mode: 0o644 }]))).toMatch(
      /no OCI image layout, since it has no index\.json; /,
    );
    for (const [bytes, found] of [
      [Buffer.from("{"), "no JSON \\(.*\\)"],
      [json({}), "nothing where a list is expected"],
      [json({ manifests: [null] }), "null where an object is expected"],
      [json({ manifests: [{ digest: 1 }] }), "1 where a string is expected"],
    ] as const) {
      expect(refused(written([{ name: "index.json", bytes, mode: 0o644 }]))).toMatch(
        new RegExp(`^archive: its OCI image layout has ${found}; write it again$`),
      );
    }
  });
});

describe("the members of a tar archive", () => {
  /** As GNU tar writes them in this format. */
  const made = async (format: string) => {
    const script = `cd "$(mktemp -d)" && mkdir folder && echo it >pause && ln pause hard && ln -s pause link && long=$(printf %0150d 7) && echo long >$long &&
      tar --create --format=${format} --sort=name ./pause ./folder ./hard ./link $long ./`;
    return new Uint8Array(
      await new Response(Bun.spawn(["sh", "-c", script], { stdout: "pipe", stderr: "ignore" }).stdout).arrayBuffer(),
    );
  };

  test.each(["ustar", "gnu", "posix"])("are all there, in the format %s, whatever they are", async (format) => {
    // A name of 150 characters without a folder is more than ustar has room for.
    const long = format === "ustar" ? [] : [[`${"0".repeat(149)}7`, "0"]];
    const members = untar("archive", await made(format)).map(({ path, type, extended }) => ({
      seen: [path, type],
      extended,
    }));
    expect(members.slice(0, 4 + long.length).map(({ seen }) => seen)).toEqual([
      ["pause", "0"],
      ["folder", "5"],
      ["hard", "1"],
      ["link", "2"],
      ...long,
    ]);
    expect(members.map(({ seen }) => seen)).toContainEqual(["", "5"]);
    expect(members.flatMap(({ extended }) => extended)).toEqual([]);
  });

  test("have the keywords of their extended headers, but for what every archive has", () => {
    const about = extended("18 path=elsewhere\n37 SCHILY.xattr.security.capability=\n");
    const archive = Buffer.concat([
      about,
      header("pause", "0", { size: "2" }),
      padded("it"),
      header("pause", "0"),
      END,
    ]);
    expect(untar("archive", archive).map(({ path, extended }) => [path, extended])).toEqual([
      ["elsewhere", ["SCHILY.xattr.security.capability"]],
      ["pause", []],
    ]);
  });

  test("have the size that the extended header says, and none that leads back or is no number", () => {
    const sized = (size: string) =>
      untar(
        "archive",
        Buffer.concat([extended(`${9 + size.length} size=${size}\n`), header("pause", "0"), padded("it"), END]),
      );
    expect(sized("02").map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(["it"]);
    for (const size of ["-512", "-99", "0x2", "1e0", "many"])
      expect(() => sized(size), size).toThrow(
        `of the file at byte 1024 its extended header has "${size}" where a size is expected`,
      );
  });

  test("have, in ustar's format, a path in two parts, of which GNU's has something else in the place of the first", () => {
    const path = (magic: string) =>
      untar("archive", Buffer.concat([header("pause", "0", { magic, prefix: "12345" }), END])).map((each) => each.path);
    expect([path("ustar\x0000"), path("ustar  \0")]).toEqual([["12345/pause"], ["pause"]]);
  });

  test("are regular files by NUL, too, as older archives have it", () => {
    expect(untar("archive", Buffer.concat([header("pause", "\0"), END])).map(({ type }) => type)).toEqual(["0"]);
  });

  test("are not guessed, where there is something that is not read here, or that is damaged", () => {
    const read =
      (...parts: readonly Buffer[]) =>
      () =>
        untar("archive", Buffer.concat([...parts, END]));
    expect(read(header("pause", "S"))).toThrow(
      'archive: the tar archive has a member of type "S" at byte 0, which is not read here; ',
    );
    expect(read(header("pause", "0", { size: "9" }))).toThrow(
      'archive: the tar archive is damaged: the header at byte 0 has "00000000009" where an octal number is expected; ',
    );
    for (const records of ["path=elsewhere\n", "12 path=elsewhere\n", "18 path elsewhere\n"]) {
      expect(read(extended(records), header("pause", "0")), records).toThrow(
        "archive: the tar archive is damaged: its extended header at byte 0 is not made of records; ",
      );
    }
    expect(() => untar("archive", Buffer.concat([header("pause", "0", { size: "2" })]))).toThrow(
      "archive: the tar archive is cut short, within the 2 bytes behind byte 512; ",
    );
  });
});
