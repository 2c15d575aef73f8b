import { crc32, inflateRawSync, zstdDecompressSync } from "node:zlib";
import { ShapeError } from "../../support/json.ts";
import { MOST_UNPACKED_BYTES, MOST_WINDOW_BYTES } from "./limits.ts";

/** How a blob stores a layer's tar archive. */
export type Compression = "none" | "gzip" | "zstd";

/**
 * Unpacks `bytes`, to at most `most` bytes: exactly one gzip member or zstd frame, because readers disagree about a
 * second one or about bytes after it.
 * @throws ShapeError for anything else.
 */
export function unpack(bytes: Uint8Array, compression: Compression, most: number): Uint8Array {
  const plain = { none: (bytes: Uint8Array) => bytes, gzip: gunzip, zstd: unzstd }[compression](bytes, most);
  if (plain.length > most) throw tooLarge();
  return plain;
}

const tooLarge = () =>
  new ShapeError(`layers that unpack to more than MOST_UNPACKED_BYTES (${MOST_UNPACKED_BYTES}) in all`);

/** RFC 1952: a header of 10 bytes if no flag extends it; then the data; CRC-32 and size, of 4 bytes each. */
const GZIP = { magic: [0x1f, 0x8b], deflate: 8, header: 10, trailer: 8 };

function gunzip(bytes: Uint8Array, most: number): Uint8Array {
  const [first, second, method, flags] = bytes;
  if (bytes.length < GZIP.header + GZIP.trailer || first !== GZIP.magic[0] || second !== GZIP.magic[1])
    throw new ShapeError("a layer that is not gzip, although its media type says so");
  if (method !== GZIP.deflate || flags !== 0)
    throw new ShapeError("a layer whose gzip header has optional fields or another method");
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - GZIP.trailer, GZIP.trailer);
  const [sum, size] = [trailer.getUint32(0, true), trailer.getUint32(4, true)];
  if (size > most) throw tooLarge();
  const data = bytes.subarray(GZIP.header, bytes.length - GZIP.trailer);
  const { buffer, taken } = inflate(data, size);
  if (taken !== data.length) throw new ShapeError("a gzip layer with data after its end");
  if (buffer.length !== size || crc32(buffer) !== sum) throw new ShapeError("a damaged gzip layer");
  return buffer;
}

/** Inflates raw deflate data (RFC 1951) to at most `size` bytes. Also returns how many input bytes that took. */
function inflate(data: Uint8Array, size: number): { buffer: Uint8Array; taken: number } {
  const limited = { maxOutputLength: Math.max(1, size), info: true };
  // The types of Node.js do not know that `info` changes the result.
  const made: unknown = attempt("gzip", () => inflateRawSync(data, limited));
  const { buffer, engine } = made as { buffer: Uint8Array; engine: { bytesWritten: number } };
  return { buffer, taken: engine.bytesWritten };
}

/** RFC 8878, section 3.1.1: the first bytes of a frame, and the lengths that they give the fields after them. */
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const [BLOCK_HEADER, CHECKSUM] = [3, 4];
const [RLE, RESERVED] = [1, 3];

function unzstd(bytes: Uint8Array, most: number): Uint8Array {
  if (frameEnd(bytes) !== bytes.length) throw new ShapeError("a zstd layer that is not exactly one frame");
  return attempt("zstd", () => zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, most) }));
}

/** Where the one frame at the start of `bytes` ends, by its blocks. */
function frameEnd(bytes: Uint8Array): number {
  if (ZSTD_MAGIC.some((byte, at) => bytes[at] !== byte))
    throw new ShapeError("a layer that is not zstd, although its media type says so");
  const descriptor = bytes[4] ?? 0;
  const single = (descriptor & 0x20) !== 0;
  // Unused and reserved bits, and a dictionary, which no reader here has.
  if ((descriptor & 0x1b) !== 0) throw new ShapeError("a layer whose zstd header has reserved bits or a dictionary");
  if (!single && windowSize(bytes[5] ?? 0) > MOST_WINDOW_BYTES)
    throw new ShapeError(`a zstd layer with a window of more than MOST_WINDOW_BYTES (${MOST_WINDOW_BYTES})`);
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  let at = ZSTD_MAGIC.length + 1 + (single ? 0 : 1) + contentSize;
  for (let last = false; !last && at < bytes.length; ) {
    const header = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    const [type, size] = [(header >> 1) & 3, header >> 3];
    if (type === RESERVED) throw new ShapeError("a damaged zstd layer");
    last = (header & 1) !== 0;
    at += BLOCK_HEADER + (type === RLE ? 1 : size);
  }
  return at + ((descriptor & 0x04) === 0 ? 0 : CHECKSUM);
}

/** RFC 8878, section 3.1.1.1.2. */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function attempt<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError)
      throw new ShapeError(`a ${what} layer that is longer than it says, or than the limit`);
    const reason = error instanceof Error ? error.message : String(error);
    throw new ShapeError(`a layer that cannot be unpacked (${what}: ${reason.replace(/[^ -~]/g, "?")})`);
  }
}
