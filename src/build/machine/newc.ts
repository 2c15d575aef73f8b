import { closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import { UserError } from "../../support/error.ts";

/**
 * An archive in cpio's format "newc", which the kernel unpacks as its first root
 * (Documentation/driver-api/early-userspace/ buffer-format.rst). Before each name are 13 numbers of 8 hexadecimal
 * digits; name and content are padded to 4 bytes.
 */
const MAGIC = "070701";
const HEADER_SIZE = MAGIC.length + 13 * 8;
const LAST = "TRAILER!!!";
/** An archive breaks its format. The message says where, and what was found. */
class NewcError extends UserError {
  override name = "NewcError";
}

/** Positions among the 13 numbers. */
const FILESIZE = 6;
const NAMESIZE = 11;

/** File types of st_mode, inode(7). */
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/**
 * An entry at `path` of an archive's root: a file with the host's contents and permission, a new file, or a symbolic
 * link.
 */
export type NewcEntry =
  | { readonly path: string; readonly file: string }
  | { readonly path: string; readonly content: string | Uint8Array; readonly mode: number }
  | { readonly path: string; readonly target: string };

/** Writes `entries` to the new file `archive`, each after the folders that it is in. */
export function writeNewc(archive: string, entries: readonly NewcEntry[]): void {
  const fd = openSync(archive, "wx");
  try {
    let inode = 0;
    const put = (name: string, mode: number, content: Uint8Array) => {
      for (const piece of record(name, ++inode, mode, content)) writeFileSync(fd, piece);
    };
    for (const folder of folders(entries)) put(folder, S_IFDIR | 0o755, Buffer.alloc(0));
    for (const entry of entries) put(entry.path, ...modeAndContent(entry));
    put(LAST, 0, Buffer.alloc(0));
  } finally {
    closeSync(fd);
  }
}

/**
 * Returns an archive's files by name. Somebody else may have written the archive, so anything unusual is refused.
 * @throws NewcError when it is cut short, a number is malformed, a name occurs twice, or bytes follow its end.
 */
export function readNewc(archive: Uint8Array): Map<string, Buffer> {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const files = new Map<string, Buffer>();
  for (let at = 0; ; ) {
    const { name, content, next } = readRecord(bytes, at);
    if (name === LAST) {
      if (bytes.subarray(next).some((byte) => byte !== 0)) throw new NewcError(`data after the end at byte ${next}`);
      return files;
    }
    if (files.has(name)) throw new NewcError(`${JSON.stringify(name)} twice, the second time at byte ${at}`);
    files.set(name, content);
    at = next;
  }
}

/** Returns the entry at `at` and where the next one begins: always further on, so that reading ends. */
function readRecord(archive: Buffer, at: number) {
  if (archive.toString("latin1", at, at + MAGIC.length) !== MAGIC) throw new NewcError(`no ${MAGIC} at byte ${at}`);
  const number = (place: number): number => {
    const from = at + MAGIC.length + 8 * place;
    const digits = archive.toString("latin1", from, from + 8);
    if (!/^[0-9A-Fa-f]{8}$/.test(digits))
      throw new NewcError(`cut short after byte ${at}, or no number at byte ${from}`);
    return Number.parseInt(digits, 16);
  };
  const named = at + HEADER_SIZE + number(NAMESIZE);
  const content = padded(named);
  const end = content + number(FILESIZE);
  if (named > archive.length || end > archive.length) throw new NewcError(`cut short after byte ${at}`);
  const name = archive.subarray(at + HEADER_SIZE, named);
  if (name.length < 2 || name.indexOf(0) !== name.length - 1) throw new NewcError(`no name after byte ${at}`);
  return {
    name: name.toString("utf8", 0, name.length - 1),
    content: archive.subarray(content, end),
    next: padded(end),
  };
}

function record(name: string, inode: number, mode: number, content: Uint8Array): Uint8Array[] {
  const terminated = Buffer.from(`${name}\0`);
  const links = 1;
  const numbers = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, terminated.length, 0];
  const header = Buffer.from(MAGIC + numbers.map((value) => value.toString(16).padStart(8, "0")).join(""));
  const padding = (size: number) => Buffer.alloc(padded(size) - size);
  return [header, terminated, padding(header.length + terminated.length), content, padding(content.length)];
}

function modeAndContent(entry: NewcEntry): [mode: number, content: Uint8Array] {
  if ("target" in entry) return [S_IFLNK | 0o777, Buffer.from(entry.target)];
  if ("content" in entry) return [S_IFREG | entry.mode, Buffer.from(entry.content)];
  return [S_IFREG | (statSync(entry.file).mode & 0o777), readFileSync(entry.file)];
}

/** All folders on the way to the entries, outer ones first. */
function folders(entries: readonly NewcEntry[]): string[] {
  const found = new Set<string>();
  for (const { path } of entries) for (let at = posix.dirname(path); at !== "."; at = posix.dirname(at)) found.add(at);
  return [...found].toSorted();
}

/** Bit operations would make a negative number of one above 2^31. */
const padded = (size: number) => Math.ceil(size / 4) * 4;
