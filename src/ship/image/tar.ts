/** A file of an archive: its path there, contents and mode. */
export type TarEntry = { readonly name: string; readonly bytes: Uint8Array; readonly mode: number };

/** Headers and contents fill blocks of this size. An archive ends with two zero blocks, and fills a record. */
export const BLOCK = 512;
const RECORD = 20 * BLOCK;

/**
 * Offset and size in bytes of the fields of a header (POSIX pax, "ustar Interchange Format"). Numbers are octal digits
 * followed by a NUL.
 */
export const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  chksum: [148, 8],
  typeflag: [156, 1],
  linkname: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  uname: [265, 32],
  gname: [297, 32],
  devmajor: [329, 8],
  devminor: [337, 8],
  rest: [345, 167],
} as const;

/**
 * Makes a tar archive (ustar) of these files in this order, owned by root and dated `timestamp` (seconds): the bytes
 * that GNU tar makes with --format=ustar, always the same, whatever the caller's environment.
 */
export function tar(entries: readonly TarEntry[], timestamp: number): Uint8Array<ArrayBuffer> {
  const members = entries.flatMap(({ name, bytes, mode }) => [
    header(name, bytes.length, mode, timestamp),
    bytes,
    Buffer.alloc(-bytes.length & (BLOCK - 1)),
  ]);
  const length = members.reduce((sum, { length }) => sum + length, 0) + 2 * BLOCK;
  const archive = new Uint8Array(Math.ceil(length / RECORD) * RECORD);
  let at = 0;
  for (const each of members) {
    archive.set(each, at);
    at += each.length;
  }
  return archive;
}

function header(name: string, size: number, mode: number, timestamp: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = ([at, room]: readonly [number, number], text: string) => {
    if (Buffer.byteLength(text) > room) throw new Error(`no room in a tar header of ${name} for ${text}`);
    block.write(text, at);
  };
  const octal = (field: readonly [number, number], value: number) =>
    put(field, `${value.toString(8).padStart(field[1] - 1, "0")}\0`);
  put(FIELDS.name, name);
  octal(FIELDS.mode, mode);
  octal(FIELDS.uid, 0);
  octal(FIELDS.gid, 0);
  octal(FIELDS.size, size);
  octal(FIELDS.mtime, timestamp);
  put(FIELDS.typeflag, "0");
  put(FIELDS.magic, "ustar\0");
  put(FIELDS.version, "00");
  octal(FIELDS.devmajor, 0);
  octal(FIELDS.devminor, 0);
  put(FIELDS.chksum, `${checksum(block).toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** The sum of a header's bytes, counting the sum field as spaces. */
export function checksum(header: Uint8Array): number {
  const [at, size] = FIELDS.chksum;
  return header.reduce((sum, byte, index) => sum + (index >= at && index < at + size ? 0x20 : byte), 0);
}
