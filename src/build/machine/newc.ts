import { closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { posix } from "node:path";

/**
 * An archive in cpio's format "newc", which the kernel unpacks as its first root (Documentation/driver-api/early-userspace/
 * buffer-format.rst). Before each name are 13 numbers of 8 hexadecimal digits; name and content are padded to 4 bytes.
 */
const MAGIC = "070701";
const HEADER_SIZE = MAGIC.length + 13 * 8;
const LAST = "TRAILER!!!";
/** Places among the 13 numbers. */
const FILESIZE = 6;
const NAMESIZE = 11;

/** File types of st_mode, inode(7). */
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/** What stands at `path` of an archive's root: a file as it is on the host, permission included, a new one, or a symbolic link. */
export type NewcEntry =
  | { readonly path: string; readonly file: string }
  | { readonly path: string; readonly content: string | Uint8Array; readonly mode: number }
  | { readonly path: string; readonly target: string };

/** Writes `entries` to the new file `archive`, with the folders they are in before them. */
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

/** The files of an archive by name. @throws Error where it is not whole. */
export function readNewc(archive: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; ; ) {
    if (archive.toString("latin1", at, at + MAGIC.length) !== MAGIC) throw new Error(`no ${MAGIC} at byte ${at}`);
    const number = (place: number) =>
      Number.parseInt(archive.toString("latin1", at + MAGIC.length + 8 * place, at + MAGIC.length + 8 * place + 8), 16);
    const content = padded(at + HEADER_SIZE + number(NAMESIZE));
    const end = content + number(FILESIZE);
    if (at + HEADER_SIZE > archive.length || end > archive.length) throw new Error(`cut short behind byte ${at}`);
    const name = archive.toString("utf8", at + HEADER_SIZE, at + HEADER_SIZE + number(NAMESIZE) - 1);
    if (name === LAST) return files;
    files.set(name, archive.subarray(content, end));
    at = padded(end);
  }
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

const padded = (size: number) => (size + 3) & ~3;
