import { ImageError } from "./error.ts";

/**
 * A member of a tar archive. `path`: without "./" or "/" before it and "/" behind it, so "" is the root itself. `type`: its
 * typeflag as POSIX has it, "0" a regular file, "5" a folder. `extended`: keywords of its extended header that say more of the
 * file than its path, times, owner and size.
 */
export type Member = {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly extended: readonly string[];
  readonly bytes: Uint8Array;
};

const BLOCK = 512;

/** Type flags of members: of POSIX (pax, "ustar Interchange Format"), and NUL, by which older archives mean a regular file. */
const MEMBERS = "01234567\0";
/** What stands before a member and is about it: POSIX's extended header, and GNU's long path and long target. */
const EXTENDED = "x";
const [LONG_PATH, LONG_TARGET] = ["L", "K"];

const PLAIN_KEYWORDS = [
  "path",
  "linkpath",
  "size",
  "mtime",
  "atime",
  "ctime",
  "uid",
  "gid",
  "uname",
  "gname",
  "comment",
];

/**
 * All members of a tar archive (POSIX's ustar and pax, GNU's long names), in order and as they stand there: Bun.Archive keeps
 * silent about what is no regular file. `name`: as messages call the archive.
 * @throws ImageError when it is cut short or damaged, or holds what is not read here.
 */
export function untar(name: string, archive: Uint8Array): readonly Member[] {
  const members: Member[] = [];
  let about = new Map<string, string>();
  let at = 0;
  for (;;) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.length < BLOCK)
      throw new ImageError(`${name}: the tar archive is cut short at byte ${at}; fetch it again`);
    if (header.every((byte) => byte === 0)) break;
    checkSum(name, at, header);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = sizeIn(name, at, about) ?? octal(name, at, header.subarray(124, 136));
    const bytes = archive.subarray(at + BLOCK, at + BLOCK + size);
    if (bytes.length < size)
      throw new ImageError(
        `${name}: the tar archive is cut short, within the ${size} bytes behind byte ${at + BLOCK}; fetch it again`,
      );
    if (type === EXTENDED) about = new Map([...about, ...recordsOf(name, at, bytes)]);
    else if (type === LONG_PATH) about.set("path", string(bytes));
    else if (type !== LONG_TARGET) {
      if (!MEMBERS.includes(type))
        throw new ImageError(
          `${name}: the tar archive has a member of type ${JSON.stringify(type)} at byte ${at}, which is not read here; write it again with podman save or skopeo copy`,
        );
      const path = about.get("path") ?? pathOf(header);
      const extended = [...about.keys()].filter((keyword) => !PLAIN_KEYWORDS.includes(keyword));
      members.push({
        path: plain(path),
        type: type === "\0" ? "0" : type,
        mode: octal(name, at, header.subarray(100, 108)),
        extended,
        bytes,
      });
      about = new Map();
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  // Where one reader sees the end, another may go on.
  if (archive.subarray(at).some((byte) => byte !== 0))
    throw new ImageError(`${name}: the tar archive has something behind its end at byte ${at}; fetch it again`);
  return members;
}

/** Does this look like a tar archive: has it ustar's or GNU's magic? */
export const isTar = (bytes: Uint8Array): boolean => new TextDecoder().decode(bytes.subarray(257, 262)) === "ustar";

/** The sum of the header's bytes, with spaces in the place of the sum. */
function checkSum(name: string, at: number, header: Uint8Array): void {
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 0x20 : byte), 0);
  if (octal(name, at, header.subarray(148, 156)) !== sum)
    throw new ImageError(
      `${name}: the tar archive is damaged: the header at byte ${at} has not the sum that it says; fetch it again`,
    );
}

function octal(name: string, at: number, field: Uint8Array): number {
  const digits = string(field).trim();
  if (!/^[0-7]+$/.test(digits))
    throw new ImageError(
      `${name}: the tar archive is damaged: the header at byte ${at} has ${JSON.stringify(digits)} where an octal number is expected; fetch it again`,
    );
  return Number.parseInt(digits, 8);
}

/** By the extended header, where that says it. Below 0 it would lead back, to read the same again without an end. */
function sizeIn(name: string, at: number, about: ReadonlyMap<string, string>): number | undefined {
  const size = about.get("size");
  if (size === undefined) return undefined;
  if (!/^\d+$/.test(size))
    throw new ImageError(
      `${name}: the tar archive is damaged: of the file at byte ${at} its extended header has ${JSON.stringify(size)} where a size is expected; fetch it again`,
    );
  return Number(size);
}

/** The records "LENGTH KEYWORD=VALUE\n" of an extended header (POSIX pax, "pax Extended Header"); LENGTH is that of the whole record. */
function recordsOf(name: string, at: number, bytes: Uint8Array): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let rest = bytes; rest.length > 0; ) {
    const length = Number(/^([1-9]\d*) /.exec(new TextDecoder().decode(rest.subarray(0, 12)))?.[1]);
    const [, keyword, value] = /^\d+ ([^=]+)=(.*)\n$/s.exec(new TextDecoder().decode(rest.subarray(0, length))) ?? [];
    if (keyword === undefined || value === undefined)
      throw new ImageError(
        `${name}: the tar archive is damaged: its extended header at byte ${at} is not made of records; fetch it again`,
      );
    records.set(keyword, value);
    rest = rest.subarray(length);
  }
  return records;
}

/** The path of a ustar header, whose prefix GNU's format uses for something else. */
function pathOf(header: Uint8Array): string {
  const prefix = string(header.subarray(257, 263)) === "ustar" ? string(header.subarray(345, 500)) : "";
  return prefix === "" ? string(header.subarray(0, 100)) : `${prefix}/${string(header.subarray(0, 100))}`;
}

/** What stands before the first NUL. */
function string(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

const plain = (path: string) =>
  path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
