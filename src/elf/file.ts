import { isUtf8 } from "node:buffer";
import { UserError } from "../support/error.ts";
import * as elf from "./constants.ts";
import { PAGE_SIZE } from "./pages.ts";

/** An Elf64_Phdr. Addresses, offsets and sizes in bytes. */
export type Segment = {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
};

/** A file that is not what the stage needs. The message says which file, what was found and what to do. */
export class ElfError extends UserError {
  override name = "ElfError";
}

/**
 * A finished 64-bit ELF file (gABI chapter 4) whose bytes can be read and changed by address. `machine` is its
 * e_machine. The constructor has checked that its segments lie in the file, that loaded ones ascend without overlap,
 * and that the others that describe a part of memory lie in a loaded one.
 */
export class ElfFile {
  readonly view: DataView;
  readonly type: number;
  readonly machine: number;
  readonly entry: number;
  readonly segments: readonly Segment[];

  /** @throws ElfError when `bytes` is not a 64-bit little-endian ELF file, is cut short, or contradicts itself. */
  constructor(
    readonly name: string,
    readonly bytes: Uint8Array,
  ) {
    this.view = viewOf(bytes);
    checkIdentity(name, bytes);
    this.type = this.view.getUint16(16, true);
    this.machine = this.view.getUint16(18, true);
    this.entry = readU64(this.view, 24);
    this.segments = readSegments(name, this.view);
    checkSegments(name, this.segments);
  }

  segmentsOf(type: number): Segment[] {
    return this.segments.filter((segment) => segment.type === type);
  }

  /** The end in memory of everything that it loads; 0 when it loads nothing. */
  get end(): number {
    return Math.max(0, ...this.segmentsOf(elf.PT_LOAD).map(({ vaddr, memsz }) => vaddr + memsz));
  }

  /** Do all of the `size` bytes at `address` lie in one loaded segment, in the file or after it (bss)? */
  loads(address: number, size: number): boolean {
    return this.segments.some((segment) => segment.type === elf.PT_LOAD && inMemory(segment, address, size));
  }

  /** Can the processor execute the byte at `address`? */
  executes(address: number): boolean {
    return this.segmentsOf(elf.PT_LOAD).some((load) => (load.flags & elf.PF_X) !== 0 && inFile(load, address, 1));
  }

  /** The file offset of `size` bytes at `address`. @throws ElfError when no segment holds them all. */
  offsetOf(address: number, size: number): number {
    const home = this.segments.find((segment) => segment.type === elf.PT_LOAD && inFile(segment, address, size));
    if (home === undefined) {
      throw new ElfError(
        `${this.name}: no segment of the file holds the ${size} bytes at ${hex(address)}; the file is damaged`,
      );
    }
    return home.offset + (address - home.vaddr);
  }

  u32At(address: number): number {
    return this.view.getUint32(this.offsetOf(address, 4), true);
  }

  u64At(address: number): number {
    return readU64(this.view, this.offsetOf(address, 8));
  }

  /**
   * The name at `address`, up to its zero byte.
   * @throws ElfError when it is too long for a name or cannot be read.
   */
  stringAt(address: number): string {
    const start = this.offsetOf(address, 1);
    const length = this.bytes.subarray(start, start + LONGEST_STRING).indexOf(0);
    if (length < 0)
      throw new ElfError(
        `${this.name}: the string at ${hex(address)} does not end within ${LONGEST_STRING} bytes; the file is damaged`,
      );
    const name = this.bytes.subarray(start, start + length);
    if (!isText(name)) throw damaged(this.name, `the string at ${hex(address)} is not text`);
    return new TextDecoder().decode(name);
  }
}

/** Is it printable UTF-8 on one line? Linkers write no other names. */
const isText = (name: Uint8Array) => name.every((byte) => byte >= 0x20 && byte !== 0x7f) && isUtf8(name);

/** The types of the sections that the section headers list (sh_type); none if the file has no headers. */
export function sectionTypes({ view }: ElfFile): number[] {
  const [table, size, count] = [readU64(view, 40), view.getUint16(58, true), view.getUint16(60, true)];
  if (table === 0 || size !== elf.SHDR_SIZE || table + count * elf.SHDR_SIZE > view.byteLength) return [];
  return Array.from({ length: count }, (_, index) => view.getUint32(table + index * elf.SHDR_SIZE + 4, true));
}

/**
 * Reads a 64-bit number. All values read here (addresses, sizes, offsets) are below 2^53. A larger one is rounded, and
 * exceeds every reader's limit.
 */
export function readU64(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true));
}

export const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Writes a 64-bit number; a negative one as two's complement. */
export function writeU64(view: DataView, offset: number, value: number): void {
  view.setBigInt64(offset, BigInt(value), true);
}

export const hex = (value: number) => `0x${value.toString(16)}`;

/** Limits far above every file read here, bytes: a few MiB are in memory and not in the file. */
const MOST_BSS = 0x1000_0000;
const HIGHEST_ALIGNMENT = 0x20_0000;
const LONGEST_STRING = 0x1_0000;

/** Linux accepts 64 kB of program headers (load_elf_phdrs in fs/binfmt_elf.c). */
const MOST_SEGMENTS = Math.floor(0x1_0000 / elf.PHDR_SIZE);

/** A file has at most one of each; readers would disagree about a second one. */
const SINGLE = [
  elf.PT_DYNAMIC,
  elf.PT_INTERP,
  elf.PT_PHDR,
  elf.PT_TLS,
  elf.PT_GNU_EH_FRAME,
  elf.PT_GNU_STACK,
  elf.PT_GNU_RELRO,
];

/** Some readers find these by file offset, others by address: both must give the same bytes. */
const PARTS = [elf.PT_DYNAMIC, elf.PT_INTERP, elf.PT_TLS, elf.PT_GNU_EH_FRAME];

/** First bytes of other systems' executables: Windows (PE), and macOS (Mach-O; for one processor, for several). */
const OTHER_FORMATS: readonly (readonly [name: string, magic: readonly number[]])[] = [
  ["a Windows executable", [0x4d, 0x5a]],
  ["a macOS executable", [0xcf, 0xfa, 0xed, 0xfe]],
  ["a macOS executable", [0xca, 0xfe, 0xba, 0xbe]],
];

/** Are these first bytes, at least 4, those of an executable of any system? */
export const looksExecutable = (start: Uint8Array): boolean => isElf(start) || otherFormat(start) !== undefined;

const isElf = (start: Uint8Array) => beginsWith(start, [0x7f, 0x45, 0x4c, 0x46]);

const otherFormat = (start: Uint8Array): string | undefined =>
  OTHER_FORMATS.find(([, magic]) => beginsWith(start, magic))?.[0];

const beginsWith = (start: Uint8Array, magic: readonly number[]) => magic.every((byte, index) => start[index] === byte);

function checkIdentity(name: string, bytes: Uint8Array): void {
  if (isElf(bytes) && bytes.length < elf.EHDR_SIZE)
    throw new ElfError(
      `${name}: cut short: it has ${bytes.length} bytes, fewer than an ELF header; copy or build it again`,
    );
  if (!isElf(bytes)) {
    const start = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const found = `(it begins with ${start || "nothing"}, not 7f 45 4c 46)`;
    const other = otherFormat(bytes);
    throw new ElfError(
      other === undefined ? `${name}: not an ELF file ${found}` : `${name}: ${other} ${found}; build it for Linux`,
    );
  }
  if (bytes[elf.EI_CLASS] !== elf.ELFCLASS64 || bytes[elf.EI_DATA] !== elf.ELFDATA2LSB) {
    throw new ElfError(
      `${name}: not a 64-bit little-endian ELF file (class ${bytes[elf.EI_CLASS]}, data ` +
        `${bytes[elf.EI_DATA]}); every Bun executable is one`,
    );
  }
}

function readSegments(name: string, view: DataView): Segment[] {
  const phoff = readU64(view, 32);
  const phnum = view.getUint16(56, true);
  const phentsize = view.getUint16(54, true);
  if (phnum > 0 && phentsize !== elf.PHDR_SIZE)
    throw damaged(name, `its program headers are ${phentsize} bytes each, not ${elf.PHDR_SIZE}`);
  if (phnum > MOST_SEGMENTS) throw damaged(name, `it has ${phnum} program headers, more than Linux takes`);
  if (phoff + phnum * elf.PHDR_SIZE > view.byteLength) throw cutShort(name, "its program headers");
  const segments = Array.from({ length: phnum }, (_, index) => readSegment(view, phoff + index * elf.PHDR_SIZE));
  const beyond = segments.find(({ offset, filesz }) => offset + filesz > view.byteLength);
  if (beyond !== undefined) throw cutShort(name, `its segment at ${hex(beyond.vaddr)}`);
  return segments;
}

/** @throws ElfError for segments that the kernel, a loader and this linker would read differently. */
function checkSegments(name: string, segments: readonly Segment[]): void {
  const loads = segments.filter(({ type }) => type === elf.PT_LOAD);
  const absurd = segments.find(
    (segment) => (segment.type === elf.PT_LOAD || segment.type === elf.PT_TLS) && !isPlain(segment),
  );
  if (absurd !== undefined) {
    const { vaddr, filesz, memsz, align } = absurd;
    const sizes = `${filesz} bytes in the file, ${memsz} in memory and alignment ${align}`;
    throw damaged(name, `its segment at ${hex(vaddr)} has ${sizes}`);
  }
  // The kernel and musl's loader map whole pages, whatever p_align says.
  const shifted = loads.find(({ offset, vaddr, filesz }) => filesz > 0 && offset % PAGE_SIZE !== vaddr % PAGE_SIZE);
  if (shifted !== undefined)
    throw damaged(
      name,
      `its segment at ${hex(shifted.vaddr)} is at ${hex(shifted.offset)} of the file, elsewhere in a page`,
    );
  const twice = SINGLE.find((single) => segments.filter(({ type }) => type === single).length > 1);
  if (twice !== undefined) throw damaged(name, `it has more than one segment of the type ${hex(twice)}`);
  loads.slice(1).forEach(({ vaddr }, index) => {
    const before = loads[index];
    if (before !== undefined && vaddr < before.vaddr + before.memsz)
      throw damaged(name, `its segments at ${hex(before.vaddr)} and ${hex(vaddr)} overlap or do not ascend`);
  });
  const astray = segments.find(
    (part) =>
      PARTS.includes(part.type) &&
      part.filesz > 0 &&
      !loads.some(
        (load) => inFile(load, part.vaddr, part.filesz) && part.offset - load.offset === part.vaddr - load.vaddr,
      ),
  );
  if (astray !== undefined)
    throw damaged(
      name,
      `its segment of the type ${hex(astray.type)} at ${hex(astray.vaddr)} is not in a loaded segment`,
    );
}

const isPlain = ({ vaddr, filesz, memsz, align }: Segment) =>
  Number.isSafeInteger(vaddr + memsz) &&
  memsz >= filesz &&
  memsz - filesz <= MOST_BSS &&
  align <= HIGHEST_ALIGNMENT &&
  (align & (align - 1)) === 0;

const inFile = ({ vaddr, filesz }: Segment, address: number, size: number) =>
  address >= vaddr && address + size <= vaddr + filesz;

const inMemory = ({ vaddr, memsz }: Segment, address: number, size: number) =>
  address >= vaddr && address + size <= vaddr + memsz;

const damaged = (name: string, found: string) => new ElfError(`${name}: ${found}; the file is damaged`);

function cutShort(name: string, what: string): ElfError {
  return new ElfError(`${name}: cut short: ${what} lies beyond the end of the file; copy or build it again`);
}

function readSegment(view: DataView, at: number): Segment {
  return {
    type: view.getUint32(at, true),
    flags: view.getUint32(at + 4, true),
    offset: readU64(view, at + 8),
    vaddr: readU64(view, at + 16),
    filesz: readU64(view, at + 32),
    memsz: readU64(view, at + 40),
    align: readU64(view, at + 48),
  };
}
