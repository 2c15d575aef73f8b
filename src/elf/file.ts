import { UserError } from "../support/error.ts";
import * as elf from "./constants.ts";

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

/** A file that is not what the stage needs: the message says which file, what was found and what to do. */
export class ElfError extends UserError {
  override name = "ElfError";
}

/** A finished 64-bit ELF file (gABI chapter 4) whose bytes can be read and changed by address. `machine` is its e_machine. */
export class ElfFile {
  readonly view: DataView;
  readonly type: number;
  readonly machine: number;
  readonly entry: number;
  readonly segments: readonly Segment[];

  /** @throws ElfError when `bytes` is no 64-bit little-endian ELF file, or is cut short. */
  constructor(
    readonly name: string,
    readonly bytes: Uint8Array,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    checkIdentity(name, bytes);
    this.type = this.view.getUint16(16, true);
    this.machine = this.view.getUint16(18, true);
    this.entry = readU64(this.view, 24);
    this.segments = readSegments(name, this.view);
  }

  segmentsOf(type: number): Segment[] {
    return this.segments.filter((segment) => segment.type === type);
  }

  /** Where the last of what it loads ends in memory; 0 when it loads nothing. */
  get end(): number {
    return Math.max(0, ...this.segmentsOf(elf.PT_LOAD).map(({ vaddr, memsz }) => vaddr + memsz));
  }

  /** The file offset of `size` bytes at `address`. @throws ElfError when no segment holds them all. */
  offsetOf(address: number, size: number): number {
    const home = this.segments.find(
      ({ type, vaddr, filesz }) => type === elf.PT_LOAD && address >= vaddr && address + size <= vaddr + filesz,
    );
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

  /** The string that ends with a zero byte at `address`. */
  stringAt(address: number): string {
    const start = this.offsetOf(address, 1);
    const end = this.bytes.indexOf(0, start);
    if (end < 0) throw new ElfError(`${this.name}: the string at ${hex(address)} does not end; the file is damaged`);
    return new TextDecoder().decode(this.bytes.subarray(start, end));
  }
}

/** Reads a 64-bit number. All that is read here (addresses, sizes, offsets) is below 2^53. */
export function readU64(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true));
}

/** Writes a 64-bit number, a negative one as two's complement. */
export function writeU64(view: DataView, offset: number, value: number): void {
  view.setBigInt64(offset, BigInt(value), true);
}

export const hex = (value: number) => `0x${value.toString(16)}`;

/** Bounds that no file read here comes near, bytes: a few MiB are in memory and not in the file. */
const MOST_BSS = 0x1000_0000;
const HIGHEST_ALIGNMENT = 0x20_0000;

function checkIdentity(name: string, bytes: Uint8Array): void {
  const magic = bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
  if (!magic || bytes.length < elf.EHDR_SIZE) {
    const start = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    throw new ElfError(`${name}: not an ELF file (it begins with ${start || "nothing"}, not 7f 45 4c 46)`);
  }
  if (bytes[elf.EI_CLASS] !== elf.ELFCLASS64 || bytes[elf.EI_DATA] !== elf.ELFDATA2LSB) {
    throw new ElfError(
      `${name}: not a 64-bit little-endian ELF file (class ${bytes[elf.EI_CLASS]}, data ${bytes[elf.EI_DATA]}); every Bun executable is one`,
    );
  }
}

function readSegments(name: string, view: DataView): Segment[] {
  const phoff = readU64(view, 32);
  const phnum = view.getUint16(56, true);
  const phentsize = view.getUint16(54, true);
  if (phentsize !== elf.PHDR_SIZE)
    throw new ElfError(
      `${name}: its program headers are ${phentsize} bytes each, not ${elf.PHDR_SIZE}; the file is damaged`,
    );
  if (phoff + phnum * elf.PHDR_SIZE > view.byteLength) throw cutShort(name, "its program headers");
  const segments = Array.from({ length: phnum }, (_, index) => readSegment(view, phoff + index * elf.PHDR_SIZE));
  const beyond = segments.find(({ offset, filesz }) => offset + filesz > view.byteLength);
  if (beyond !== undefined) throw cutShort(name, `its segment at ${hex(beyond.vaddr)}`);
  const absurd = segments.find(
    ({ type, filesz, memsz, align }) =>
      (type === elf.PT_LOAD || type === elf.PT_TLS) &&
      (memsz < filesz || memsz - filesz > MOST_BSS || align > HIGHEST_ALIGNMENT),
  );
  if (absurd !== undefined) {
    throw new ElfError(
      `${name}: its segment at ${hex(absurd.vaddr)} has ${absurd.filesz} bytes in the file, ${absurd.memsz} in memory and alignment ${absurd.align}; the file is damaged`,
    );
  }
  return segments;
}

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
