import { PHDR_SIZE } from "../../elf/constants.ts";
import { PAGE_SIZE } from "../../elf/pages.ts";
import { sha256 } from "../../support/hash.ts";

/**
 * A header field that differs from the build's. `index`: of its program header; undefined for the ELF header. Values in
 * hexadecimal.
 */
export type FieldDifference = {
  readonly index: number | undefined;
  readonly field: string;
  readonly given: string;
  readonly built: string;
};

/**
 * A page of the file (4096 bytes; the last one may be shorter) that differs: its offset, and that of the first
 * different byte.
 */
export type PageDifference = { readonly offset: number; readonly first: number };

/**
 * How two files differ. `pages`: of the longer one. `shared`: how many pages occur in both, anywhere, except zero
 * pages.
 */
export type Comparison = {
  readonly fields: readonly FieldDifference[];
  readonly differing: readonly PageDifference[];
  readonly pages: number;
  readonly shared: number;
};

type Field = readonly [name: string, at: number, size: number];

/**
 * Offset and size in bytes of the fields of an Elf64_Ehdr and an Elf64_Phdr (gABI, chapters 4 and 5). Magic, class and
 * data have been checked already.
 */
const EHDR: readonly Field[] = [
  ...([
    ["EI_VERSION", 6, 1],
    ["EI_OSABI", 7, 1],
    ["EI_ABIVERSION", 8, 1],
    ["EI_PAD", 9, 7],
  ] as const),
  ...([
    ["e_type", 16, 2],
    ["e_machine", 18, 2],
    ["e_version", 20, 4],
    ["e_entry", 24, 8],
    ["e_phoff", 32, 8],
    ["e_shoff", 40, 8],
    ["e_flags", 48, 4],
  ] as const),
  ...([
    ["e_ehsize", 52, 2],
    ["e_phentsize", 54, 2],
    ["e_phnum", 56, 2],
    ["e_shentsize", 58, 2],
    ["e_shnum", 60, 2],
    ["e_shstrndx", 62, 2],
  ] as const),
];
const PHDR: readonly Field[] = [
  ...([
    ["p_type", 0, 4],
    ["p_flags", 4, 4],
    ["p_offset", 8, 8],
    ["p_vaddr", 16, 8],
  ] as const),
  ...([
    ["p_paddr", 24, 8],
    ["p_filesz", 32, 8],
    ["p_memsz", 40, 8],
    ["p_align", 48, 8],
  ] as const),
];

/**
 * Compares all bytes. Looks for headers where `built`, a build's pause, has them, because the given file may be damaged
 * in any way.
 */
export function compare(given: Uint8Array, built: Uint8Array): Comparison {
  const view = new DataView(built.buffer, built.byteOffset, built.byteLength);
  const headers = Array.from(
    { length: view.getUint16(56, true) },
    (_, index) => Number(view.getBigUint64(32, true)) + index * PHDR_SIZE,
  );
  const fields = [
    ...EHDR.flatMap((field) => differs(given, built, undefined, 0, field)),
    ...headers.flatMap((at, index) => PHDR.flatMap((field) => differs(given, built, index, at, field))),
  ];
  const pages = Math.ceil(Math.max(given.length, built.length) / PAGE_SIZE);
  const differing = Array.from({ length: pages }, (_, index) => index * PAGE_SIZE).flatMap((offset) => {
    const [one, other] = [pageAt(given, offset), pageAt(built, offset)];
    return one.equals(other) ? [] : [{ offset, first: offset + firstDifference(one, other) }];
  });
  return { fields, differing, pages, shared: sharedPages(given, built) };
}

function differs(
  given: Uint8Array,
  built: Uint8Array,
  index: number | undefined,
  header: number,
  [field, at, size]: Field,
): readonly FieldDifference[] {
  const [one, other] = [given, built].map((bytes) => valueOf(bytes.subarray(header + at, header + at + size))) as [
    string,
    string,
  ];
  return one === other ? [] : [{ index, field, given: one, built: other }];
}

/** Little-endian. */
const valueOf = (bytes: Uint8Array) =>
  bytes.length === 0
    ? "nothing"
    : `0x${Buffer.from(bytes.toReversed())
        .toString("hex")
        .replace(/^0+(?=.)/, "")}`;

const pageAt = (bytes: Uint8Array, offset: number) => Buffer.from(bytes.subarray(offset, offset + PAGE_SIZE));

function firstDifference(one: Uint8Array, other: Uint8Array): number {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at < 0 ? one.length : at;
}

function sharedPages(given: Uint8Array, built: Uint8Array): number {
  const known = new Set(pagesOf(built).map(sha256));
  return pagesOf(given).filter((page) => known.has(sha256(page))).length;
}

function pagesOf(bytes: Uint8Array): readonly Buffer[] {
  return Array.from({ length: Math.floor(bytes.length / PAGE_SIZE) }, (_, index) =>
    pageAt(bytes, index * PAGE_SIZE),
  ).filter((page) => page.some((byte) => byte !== 0));
}
