import * as elf from "../../src/elf/constants.ts";
import { type Dynamic, readDynamic } from "../../src/elf/dynamic.ts";
import { ElfFile, writeU64 } from "../../src/elf/file.ts";

/** Bytes of an ELF file, with the places of its tables: a test changes one field and checks the reader's reaction. */
export type Opened = { readonly file: ElfFile; readonly view: DataView; readonly dynamic: Dynamic };

/** Returns a copy of `bytes` after `change`. */
export function damaged(bytes: Uint8Array, change: (opened: Opened) => void): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes);
  const file = new ElfFile("copy", copy);
  change({ file, view: file.view, dynamic: readDynamic(file) });
  return copy;
}

/** The offset of the program header of the first segment of `type`. */
export function headerOf({ segments, view }: ElfFile, type: number): number {
  const index = segments.findIndex((segment) => segment.type === type);
  if (index < 0) throw new Error(`no segment of the type ${type}`);
  return Number(view.getBigUint64(32, true)) + index * elf.PHDR_SIZE;
}

/** The offset of the symbol `name` in the dynamic symbol table. */
export function symbolAt({ file, dynamic }: Opened, name: string): number {
  const index = dynamic.symbols.findIndex((symbol) => symbol.name === name);
  if (index < 0) throw new Error(`no symbol ${name}`);
  return file.offsetOf(dynamic.tags.get(elf.DT_SYMTAB) ?? 0, 0) + index * elf.SYM_SIZE;
}

/** The relocation against the symbol `name`. */
export function relocationOf({ dynamic }: Opened, name: string) {
  const found = dynamic.relocations.find(({ symbol }) => dynamic.symbols[symbol]?.name === name);
  if (found === undefined) throw new Error(`no relocation against ${name}`);
  return found;
}

/** Sets the entry `tag` of the dynamic section to a new tag or value. */
export function setTag(
  { file, view }: Opened,
  tag: number,
  change: { readonly tag?: number; readonly value?: number },
) {
  const [{ offset, filesz } = { offset: 0, filesz: 0 }] = file.segmentsOf(elf.PT_DYNAMIC);
  for (let at = offset; at < offset + filesz; at += elf.DYN_SIZE) {
    if (Number(view.getBigUint64(at, true)) !== tag) continue;
    if (change.value !== undefined) writeU64(view, at + 8, change.value);
    if (change.tag !== undefined) writeU64(view, at, change.tag);
    return;
  }
  throw new Error(`no tag ${tag}`);
}
