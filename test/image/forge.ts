import { sha256 } from "../../src/support/hash.ts";

/** A JSON document changed as a value or, if a value cannot express it, as text or bytes. */
type Edit = (document: Json) => unknown;
// biome-ignore lint/suspicious/noExplicitAny: a forger looks at no type.
type Json = any;

/** The differences from a plain archive of one image, /pause for linux/amd64, in an index. */
export type Forgery = {
  /** The layer's tar archive, and its compression. */
  readonly layer?: Uint8Array;
  readonly pack?: (tar: Uint8Array<ArrayBuffer>) => Uint8Array;
  readonly config?: Edit;
  readonly manifest?: Edit;
  readonly index?: Edit;
  readonly list?: Edit;
  readonly marker?: Edit;
  readonly dockers?: Edit;
  /** Further blobs of the archive. */
  readonly blobs?: readonly Uint8Array[];
  /** Changes the members of the outer archive. */
  readonly members?: (members: readonly Member[]) => readonly (Member | Uint8Array)[];
};

/** A member of a tar archive: its header's values, and its contents. */
export type Member = {
  readonly name: string;
  readonly content?: Uint8Array | string;
  readonly type?: string;
  readonly mode?: string;
  /** The size in its header, if that is not the length of the content. */
  readonly size?: string | undefined;
  readonly magic?: string;
  /** Other bytes of the header, by offset. */
  readonly bytes?: Readonly<Record<number, string>>;
  readonly sum?: number;
  readonly padding?: string;
};

const BLOCK = 512;
export const END = Buffer.alloc(2 * BLOCK);

/** A tar archive of members with any header, or of raw bytes (POSIX pax, "ustar Interchange Format"). */
export const tarOf = (...members: readonly (Member | Uint8Array)[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat([...members.map((each) => ("name" in each ? memberOf(each) : each)), END]));

export function memberOf(member: Member): Buffer {
  const { name, content = "", type = "0", mode = "0000755\0", magic = "ustar\x0000", sum, padding = "\0" } = member;
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100);
  header.write(mode, 100, "latin1");
  header.write("0000000\x000000000\0", 108);
  header.write(member.size ?? `${bytes.length.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  header.write("00000000000\0", 136);
  header.write(`        ${type}`, 148, "latin1");
  header.write(magic, 257, "latin1");
  for (const [at, text] of Object.entries(member.bytes ?? {})) header.write(text, Number(at), "latin1");
  const found = header.reduce((total, byte) => total + byte, 0);
  header.write(`${(sum ?? found).toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & (BLOCK - 1), padding)]);
}

/** An extended header with these records, each preceded by its length. */
export const extended = (...records: readonly string[]): Buffer =>
  memberOf({ name: "PaxHeaders/about", type: "x", content: records.map(recordOf).join("") });

/** The record "LENGTH KEYWORD=VALUE\n". LENGTH counts its own digits. */
export function recordOf(text: string): string {
  const rest = Buffer.byteLength(` ${text}\n`);
  const length = [1, 2, 3, 4, 5].map((digits) => digits + rest).find((sum, at) => `${sum}`.length === at + 1);
  return `${length} ${text}\n`;
}

const json = (value: unknown) =>
  Buffer.isBuffer(value) ? value : Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

/** The descriptor of a blob. */
export const descriptorOf = (mediaType: string, bytes: Uint8Array) => ({
  mediaType,
  digest: `sha256:${sha256(bytes)}`,
  size: bytes.length,
});

const OCI = "application/vnd.oci.image";
export const MANIFEST = `${OCI}.manifest.v1+json`;
export const INDEX = `${OCI}.index.v1+json`;
export const CONFIG = `${OCI}.config.v1+json`;
export const LAYER = `${OCI}.layer.v1.tar+gzip`;
export const UNKNOWN = { os: "unknown", architecture: "unknown" };

/** An image's blobs, and its manifest's descriptor. */
export function imageOf({ layer, pack = Bun.gzipSync, config, manifest }: Forgery, mediaType = LAYER) {
  const files = new Uint8Array(layer ?? tarOf({ name: "pause", content: "it" }));
  const packed = pack(files);
  const edited = (edit: Edit = (document) => document, document: unknown) => json(edit(document));
  const configuration = edited(config, {
    os: "linux",
    architecture: "amd64",
    config: { Entrypoint: ["/pause"], User: "65535:65535", Labels: { a: "b" } },
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256(files)}`] },
  });
  const document = edited(manifest, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptorOf(CONFIG, configuration),
    layers: [descriptorOf(mediaType, packed)],
  });
  return { descriptor: descriptorOf(MANIFEST, document), blobs: [document, configuration, packed] };
}

/** The archive of one image with the forgery's changes; every reference to a changed part is updated. */
export function forged(forgery: Forgery = {}): Uint8Array<ArrayBuffer> {
  const { descriptor, blobs } = imageOf(forgery);
  const [, configuration = Buffer.of(), packed = Buffer.of()] = blobs;
  const edited = (edit: Edit = (document) => document, document: unknown) => json(edit(document));
  const platform = { os: "linux", architecture: "amd64" };
  const index = edited(forgery.index, {
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: [{ ...descriptor, platform }],
  });
  const blob = (bytes: Uint8Array): Member => ({ name: `blobs/sha256/${sha256(bytes)}`, content: bytes });
  const dockers = forgery.dockers;
  const members: Member[] = [
    { name: "oci-layout", content: edited(forgery.marker, { imageLayoutVersion: "1.0.0" }) },
    {
      name: "index.json",
      content: edited(forgery.list, { schemaVersion: 2, manifests: [descriptorOf(INDEX, index)] }),
    },
    ...(dockers === undefined
      ? []
      : [
          {
            name: "manifest.json",
            content: edited(dockers, [
              { Config: blob(configuration).name, RepoTags: ["pause:x"], Layers: [blob(packed).name] },
            ]),
          },
        ]),
    ...[...new Map([index, ...blobs, ...(forgery.blobs ?? [])].map((bytes) => [sha256(bytes), blob(bytes)])).values()],
  ];
  return tarOf(...(forgery.members?.(members) ?? members));
}
