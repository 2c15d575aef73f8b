import { ImageError } from "./error.ts";
import { MOST_EXTENDED_BYTES, MOST_MEMBERS } from "./limits.ts";
import { BLOCK, checksum, FIELDS } from "./tar.ts";

/**
 * A regular file or a folder of a tar archive. `path` has no leading "./" and no trailing "/", so "" is the root
 * itself. `mode`: only the permission bits.
 */
export type TarMember = {
  readonly path: string;
  readonly type: "file" | "folder";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly bytes: Uint8Array;
};

/**
 * The type flags that are read (POSIX pax, "ustar Interchange Format"), and the file type that some tools add to the
 * mode.
 */
const FILE = { flag: "0", type: "file", bits: 0o100000 } as const;
const FOLDER = { flag: "5", type: "folder", bits: 0o040000 } as const;
/** An extended header for the next member. */
const EXTENDED = "x";

/** Magic and version, in POSIX and in GNU's older format. */
const MAGICS = ["ustar\x0000", "ustar  \0"];

const NUMBER = /^\d{1,10}$/;
const TIME = /^-?\d{1,11}(\.\d{1,9})?$/;
const NAME = /^[ -~]+$/;
/**
 * Keywords of an extended header, with their values, that change neither path, type, contents nor what a file may do.
 */
const KEYWORDS: Readonly<Record<string, RegExp>> = {
  ...{ mtime: TIME, atime: TIME, ctime: TIME },
  ...{ uid: NUMBER, gid: NUMBER, uname: NAME, gname: NAME },
};

/** The permission bits of a mode. */
const PERMISSIONS = 0o7777;

/**
 * Reads the members of a tar archive, in order. All readers have to read it alike, so anything that one of them may
 * take differently is refused: anything but regular files and folders, a path twice or in an odd spelling, a size
 * without contents, an extended header that says more than times and owners, non-zero padding or end. `name`: what
 * messages call the archive.
 * @throws ImageError for that, when it is cut short or damaged, and above the limits.
 */
export function untar(name: string, archive: Uint8Array): readonly TarMember[] {
  const wrong = (at: number, found: string) =>
    new ImageError(`${name}: the tar archive ${found} at byte ${at}; write it again with podman save or skopeo copy`);
  const members = new Map<string, TarMember>();
  /** The extended header's records about the next member. */
  let about: Records | undefined;
  let headers = 0;
  for (let at = 0; ; ) {
    const block = archive.subarray(at, at + BLOCK);
    if (block.length < BLOCK) throw wrong(at, "is cut short");
    if (isZero(block)) {
      if (about !== undefined) throw wrong(at, "has an extended header without a member");
      checkEnd(archive, at, wrong);
      return [...members.values()];
    }
    if (++headers > MOST_MEMBERS) throw wrong(at, `has more members than MOST_MEMBERS (${MOST_MEMBERS})`);
    const header = readHeader(block, (found) => wrong(at, found));
    const from = at + BLOCK;
    const bytes = archive.subarray(from, from + header.size);
    const next = from + Math.ceil(header.size / BLOCK) * BLOCK;
    if (next > archive.length) throw wrong(from, `is cut short, within the ${header.size} bytes`);
    if (!isZero(archive.subarray(from + header.size, next)))
      throw wrong(from + header.size, "has padding that is not zero");
    if (header.flag === EXTENDED) {
      if (about !== undefined) throw wrong(at, "has an extended header of an extended header");
      about = readRecords(bytes, (found) => wrong(at, found));
    } else {
      const member = readMember(header, about, bytes, (found) => wrong(at, found));
      if (members.has(member.path))
        throw wrong(
          at,
          `has ${JSON.stringify(member.path)} twice (readers differ on which one they take), the second time`,
        );
      members.set(member.path, member);
      about = undefined;
    }
    at = next;
  }
}

/** Does this look like a tar archive, with the magic of ustar or GNU? */
export const isTar = (bytes: Uint8Array): boolean => new TextDecoder().decode(bytes.subarray(257, 262)) === "ustar";

/** Two zero blocks and nothing after them: where one reader sees the end, another may go on. */
function checkEnd(archive: Uint8Array, at: number, wrong: (at: number, found: string) => ImageError): void {
  if (archive.length < at + 2 * BLOCK || archive.length % BLOCK !== 0) throw wrong(archive.length, "is cut short");
  if (!isZero(archive.subarray(at))) throw wrong(at, "has data after its end");
}

type Header = { readonly path: string; readonly flag: string } & Readonly<
  Record<"size" | "mode" | "uid" | "gid", number>
>;

/** Values of an extended header by keyword. */
type Records = ReadonlyMap<string, string>;

/** Reads a header, refusing fields that readers take differently. */
function readHeader(block: Uint8Array, wrong: (found: string) => ImageError): Header {
  const field = (name: keyof typeof FIELDS) => block.subarray(FIELDS[name][0], FIELDS[name][0] + FIELDS[name][1]);
  const text = (name: keyof typeof FIELDS) => {
    const bytes = field(name);
    const end = bytes.indexOf(0);
    if (end >= 0 && !isZero(bytes.subarray(end))) throw wrong(`has a header whose ${name} has data after its end`);
    return ascii(end < 0 ? bytes : bytes.subarray(0, end));
  };
  const number = (name: keyof typeof FIELDS) => {
    const digits = ascii(field(name)).replace(/[ \0]+$/, "");
    if (!/^[0-7]+$/.test(digits))
      throw wrong(`has a header whose ${name} is ${JSON.stringify(digits)}, not an octal number,`);
    return Number.parseInt(digits, 8);
  };
  // Some readers sum the bytes as signed numbers; for ASCII that makes no difference.
  if (block.some((byte) => byte > 0x7e)) throw wrong("has a header with bytes that are not ASCII");
  if (number("chksum") !== checksum(block)) throw wrong("has a header with a wrong checksum, so it is damaged,");
  if (!MAGICS.includes(ascii(field("magic")) + ascii(field("version"))))
    throw wrong("has a header of another format than ustar");
  const [path, flag] = [text("name"), ascii(field("typeflag"))];
  if (![FILE.flag, FOLDER.flag, EXTENDED].includes(flag))
    throw wrong(`has ${JSON.stringify(path)} of type ${JSON.stringify(flag)}, neither a regular file nor a folder,`);
  for (const name of ["linkname", "rest"] as const)
    if (!isZero(field(name))) throw wrong(`has a header with data in its ${name === "rest" ? "prefix" : name}`);
  for (const name of ["devmajor", "devminor"] as const)
    if (!isZero(field(name)) && number(name) !== 0) throw wrong("has a header that describes a device");
  number("mtime");
  for (const name of ["uname", "gname"] as const) text(name);
  return { path, flag, size: number("size"), mode: number("mode"), uid: number("uid"), gid: number("gid") };
}

function readMember(
  { path, flag, size, mode, ...header }: Header,
  about: Records | undefined,
  bytes: Uint8Array,
  wrong: (found: string) => ImageError,
): TarMember {
  const kind = flag === FOLDER.flag ? FOLDER : FILE;
  if (kind === FOLDER && size !== 0) throw wrong(`has a folder ${JSON.stringify(path)} with a size`);
  if (![0, kind.bits].includes(mode - (mode & PERMISSIONS)))
    throw wrong(`has ${JSON.stringify(path)} with the mode of another file type`);
  const plain = plainPath(path, kind === FOLDER);
  if (plain === undefined) throw wrong(`has a path in an unusual form, ${JSON.stringify(path)},`);
  const [uid, gid] = [Number(about?.get("uid") ?? header.uid), Number(about?.get("gid") ?? header.gid)];
  return { path: plain, type: kind.type, mode: mode & PERMISSIONS, uid, gid, bytes };
}

/**
 * A path in its one spelling. A leading "./", and a folder's trailing "/", are optional. Returns undefined for any
 * other.
 */
function plainPath(path: string, folder: boolean): string | undefined {
  if (folder && (path === "./" || path === ".")) return "";
  const plain = path.replace(/^\.\//, "").replace(folder ? /\/$/ : /^$/, "");
  const parts = plain.split("/");
  return parts.every((part) => /^[\w.+-]+$/.test(part) && part !== "." && part !== "..") ? plain : undefined;
}

/**
 * Reads the records "LENGTH KEYWORD=VALUE\n" of an extended header (POSIX pax, "pax Extended Header"). LENGTH counts
 * the whole record.
 */
function readRecords(bytes: Uint8Array, wrong: (found: string) => ImageError): Records {
  if (bytes.length > MOST_EXTENDED_BYTES)
    throw wrong(`has an extended header of more than MOST_EXTENDED_BYTES (${MOST_EXTENDED_BYTES})`);
  const records = new Map<string, string>();
  for (let rest = bytes; rest.length > 0; ) {
    const length = Number(/^([1-9]\d{0,5}) /.exec(ascii(rest.subarray(0, 7)))?.[1]);
    const record = Number.isNaN(length) || length > rest.length ? "" : ascii(rest.subarray(0, length));
    const [, keyword, value] = /^\d+ ([^=\n]+)=([^\n]*)\n$/.exec(record) ?? [];
    if (keyword === undefined || value === undefined) throw wrong("has an extended header that is not made of records");
    if (records.has(keyword)) throw wrong(`has an extended header with ${JSON.stringify(keyword)} twice`);
    const expected = Object.hasOwn(KEYWORDS, keyword) ? KEYWORDS[keyword] : undefined;
    if (expected?.test(value) !== true)
      throw wrong(
        `has an extended header with ${JSON.stringify(`${keyword}=${value}`.slice(0, 100))}, which ` +
          `only some readers apply,`,
      );
    records.set(keyword, value);
    rest = rest.subarray(length);
  }
  if (records.size === 0) throw wrong("has an empty extended header");
  return records;
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);
const ascii = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
