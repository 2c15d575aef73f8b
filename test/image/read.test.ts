import { describe, expect, test } from "bun:test";
import { assemble } from "../../src/image/assemble.ts";
import { ImageError } from "../../src/image/error.ts";
import { readImages } from "../../src/image/read.ts";
import { type Entry, tar } from "../../src/image/tar.ts";
import { untar } from "../../src/image/untar.ts";
import { sha256 } from "../../src/runtime.ts";

const CONTENTS = { name: "localhost/pause:x", file: "pause", user: "65535:65535", labels: { a: "b" }, timestamp: 1_700_000_000 };
const PROGRAMS = [
  { architecture: "amd64", bytes: Buffer.from("one") },
  { architecture: "arm64", bytes: Buffer.from("other") },
] as const;
const ARCHIVE = assemble(CONTENTS, PROGRAMS, "amd64").archive;

const entries = (): Entry[] => untar("archive", ARCHIVE).map(({ path, bytes }) => ({ name: path, bytes, mode: 0o644 }));
const written = (files: readonly Entry[]) => tar(files, 0);
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const blobName = (bytes: Uint8Array) => `blobs/sha256/${sha256(bytes)}`;

/** The archive with another file at `name`. */
const withFile = (name: string, change: (bytes: Uint8Array) => Uint8Array) => written(entries().map((each) => (each.name === name ? { ...each, bytes: change(each.bytes) } : each)));

/** A layout whose index.json leads to these descriptors, with these blobs. */
const layout = (manifests: readonly unknown[], blobs: readonly Uint8Array[], ...others: Entry[]) =>
  written([{ name: "index.json", bytes: json({ manifests }), mode: 0o644 }, ...blobs.map((bytes) => ({ name: blobName(bytes), bytes, mode: 0o644 })), ...others]);

/** A manifest, its configuration and its layer, of one file. */
function image(mediaType: string, pack: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array, diffs = 1) {
  const files = tar([{ name: "pause", bytes: Buffer.from("it"), mode: 0o755 }], 0);
  const layer = pack(files);
  const config = json({ os: "linux", architecture: "amd64", config: {}, rootfs: { diff_ids: Array.from({ length: diffs }, () => `sha256:${sha256(files)}`) } });
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
      PROGRAMS.map(({ architecture }) => ({ os: "linux", architecture, config: { user: "65535:65535", entrypoint: ["/pause"], env: [], labels: { a: "b" } } })),
    );
    const files = images.flatMap(({ layers }) => layers.flatMap((layer) => untar("layer", layer.tar)));
    expect(files.map(({ path, type, mode, bytes }) => [path, type, mode, Buffer.from(bytes).toString()])).toEqual(PROGRAMS.map(({ bytes }) => ["pause", "0", 0o755, bytes.toString()]));
  });

  test.each([
    ["gzip, in Docker's words", "application/vnd.docker.image.rootfs.diff.tar.gzip", (bytes: Uint8Array<ArrayBuffer>) => Bun.gzipSync(bytes)],
    ["zstd", "application/vnd.oci.image.layer.v1.tar+zstd", (bytes: Uint8Array<ArrayBuffer>) => Bun.zstdCompressSync(bytes)],
    ["plain", "application/vnd.oci.image.layer.v1.tar", (bytes: Uint8Array<ArrayBuffer>) => bytes],
  ])("are read with a layer that is %s", (_, mediaType, pack) => {
    const { descriptor, blobs } = image(mediaType, pack);
    expect(readImages("archive", layout([descriptor], blobs)).flatMap(({ layers }) => layers.flatMap((layer) => untar("layer", layer.tar))).map(({ path }) => path)).toEqual(["pause"]);
  });

  test("are each there once, however often an index leads to one, and without the attestations beside them", () => {
    const { descriptor, blobs } = image("tar", (bytes) => bytes);
    const attestation = { ...describing(Buffer.from("an attestation")), platform: { os: "unknown", architecture: "unknown" } };
    const index = json({ manifests: [descriptor, attestation] });
    expect(readImages("archive", layout([describing(index), descriptor, attestation], [index, ...blobs])).map(({ digest }) => digest)).toEqual([descriptor.digest]);
  });
});

describe("an archive is refused in one line", () => {
  const [layer = ""] = entries().map(({ name }) => name).filter((name) => name.startsWith("blobs/"));

  test("that is cut short, wherever", () => {
    for (const length of [0, 100, 600, 5000, ARCHIVE.findLastIndex((byte) => byte !== 0) + 1]) expect(refused(ARCHIVE.subarray(0, length)), `${length}`).toMatch(/^archive: (the tar archive is cut short|no OCI image layout)/);
  });

  test("whose header is damaged, or that goes on behind its end", () => {
    const damaged = Buffer.from(ARCHIVE);
    damaged.writeUInt8(0x41, 3);
    expect(refused(damaged)).toMatch(/the header at byte 0 has not the sum that it says/);
    expect(refused(Buffer.concat([ARCHIVE, ARCHIVE]))).toMatch(/has something behind its end/);
  });

  test("with a blob that was changed, or is missing", () => {
    const changed = (bytes: Uint8Array) => Buffer.from(bytes).fill(0, 20, 21);
    expect(refused(withFile(layer, changed))).toMatch(/^archive: blob sha256:[0-9a-f]{64} is not what it is named by: its digest is sha256:[0-9a-f]{64}; /);
    expect(refused(written(entries().filter(({ name }) => name !== layer)))).toMatch(/^archive: blob sha256:[0-9a-f]{64} is missing; /);
  });

  test("whose layers are not those of the configuration", () => {
    const { descriptor, blobs } = image("tar", (bytes) => bytes, 2);
    expect(refused(layout([descriptor], blobs))).toMatch(/the layers of linux\/amd64 are not those that its configuration names/);
  });

  test("with a layer in a form that is not read, or that cannot be unpacked", () => {
    const other = image("application/vnd.oci.image.layer.v1.tar+xz", (bytes) => bytes);
    expect(refused(layout([other.descriptor], other.blobs))).toMatch(/a layer of media type \S+xz is not read here/);
    const broken = image("tar+gzip", (bytes) => bytes);
    expect(refused(layout([broken.descriptor], broken.blobs))).toMatch(/a layer cannot be unpacked/);
  });

  test("whose index has an image for another platform than the image itself says", () => {
    const { descriptor, blobs } = image("tar", (bytes) => bytes);
    expect(refused(layout([{ ...descriptor, platform: { os: "linux", architecture: "arm64" } }], blobs))).toMatch(/an image for linux\/arm64 that is for linux\/amd64 by its own configuration/);
  });

  test("where docker load would take another layer than the index has", () => {
    const { descriptor, blobs } = image("tar", (bytes) => bytes);
    const other = Buffer.from("another layer");
    const dockers = { name: "manifest.json", bytes: json([{ Config: blobName(blobs[1] ?? other), Layers: [blobName(other)] }]), mode: 0o644 };
    expect(refused(layout([descriptor], [...blobs, other], dockers))).toMatch(/its manifest\.json, by which docker load goes, names blobs\/sha256\/\S+, which is in none/);
  });

  test("that has a file twice, and which counts depends on the reader", () => {
    const [first, ...rest] = entries();
    const twice = Buffer.concat([ARCHIVE.subarray(0, 1024), written([...(first === undefined ? [] : [first]), ...rest])]);
    expect(refused(twice)).toMatch(/^archive: the archive has oci-layout twice/);
  });

  test("that is none of an image, or whose JSON is not what it should be", () => {
    expect(refused(written([{ name: "file", bytes: json({}), mode: 0o644 }]))).toMatch(/no OCI image layout, since it has no index\.json; /);
    for (const bytes of [Buffer.from("{"), json({}), json({ manifests: [null] }), json({ manifests: [{ digest: 1 }] })]) {
      expect(refused(written([{ name: "index.json", bytes, mode: 0o644 }]))).toMatch(/^archive: its OCI image layout has .*; write it again$/s);
    }
  });
});

describe("the members of a tar archive", () => {
  /** As GNU tar writes them in this format. */
  const made = async (format: string) => {
    const script = `cd "$(mktemp -d)" && mkdir folder && echo it >pause && ln pause hard && ln -s pause link && long=$(printf %0150d 7) && echo long >$long &&
      tar --create --format=${format} --sort=name ./pause ./folder ./hard ./link $long ./`;
    return new Uint8Array(await new Response(Bun.spawn(["sh", "-c", script], { stdout: "pipe", stderr: "ignore" }).stdout).arrayBuffer());
  };

  test.each(["ustar", "gnu", "posix"])("are all there, in the format %s, whatever they are", async (format) => {
    // A name of 150 characters without a folder is more than ustar has room for.
    const long = format === "ustar" ? [] : [["0".repeat(149) + "7", "0"]];
    const members = untar("archive", await made(format)).map(({ path, type, extended }) => ({ seen: [path, type], extended }));
    expect(members.slice(0, 4 + long.length).map(({ seen }) => seen)).toEqual([["pause", "0"], ["folder", "5"], ["hard", "1"], ["link", "2"], ...long]);
    expect(members.map(({ seen }) => seen)).toContainEqual(["", "5"]);
    expect(members.flatMap(({ extended }) => extended)).toEqual([]);
  });

  test("have the keywords of their extended headers, but for what every archive has", () => {
    const block = (size: number, type: string) => {
      const header = Buffer.alloc(512);
      header.write("pause", 0);
      header.write("0000755\0", 100);
      header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
      header.write(`        ${type}ustar\x0000`, 148);
      header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `, 148);
      return header;
    };
    const records = Buffer.from("18 path=elsewhere\n37 SCHILY.xattr.security.capability=\n");
    const archive = Buffer.concat([block(records.length, "x"), records, Buffer.alloc(512 - records.length), block(2, "0"), Buffer.from("it"), Buffer.alloc(510), block(0, "0"), Buffer.alloc(1024)]);
    expect(untar("archive", archive).map(({ path, extended }) => [path, extended])).toEqual([["elsewhere", ["SCHILY.xattr.security.capability"]], ["pause", []]]);
  });
});
