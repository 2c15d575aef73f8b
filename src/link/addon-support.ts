import * as elf from "../elf/constants.ts";
import type { Dynamic } from "../elf/dynamic.ts";
import { type ElfFile, readU64, writeU64 } from "../elf/file.ts";
import { LinkError } from "./error.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";
import type { Region } from "./region.ts";
import { mergeSymbols } from "./symbols.ts";
import type { TlsTemplate } from "./tls.ts";
import { UnwindTable } from "./unwind.ts";

/** What makes the C++ libraries a part of the program for the addons that it loads. */
export type AddonSupport = {
  /** Takes room in the read-only data. */
  readonly reserve: (data: Region) => void;
  /** Fills it, once all is relocated: what the program's dynamic section has to say then. */
  readonly fill: (data: Region) => ReadonlyMap<number, number | undefined>;
  /** PT_GNU_EH_FRAME: address and bytes. */
  readonly unwindAt: number;
  readonly unwindSize: number;
};

export function addonSupport(program: Program, cxx: readonly Placed[], tls: TlsTemplate): AddonSupport {
  for (const { dynamic, file } of [program, ...cxx]) checkInit(file, dynamic);
  const symbols = mergeSymbols(program, cxx, tls);
  const unwind = new UnwindTable(program, cxx);
  const initSize = [...cxx.map(({ dynamic }) => dynamic), program.dynamic].reduce(
    (sum, { tags }) => sum + 8 + (tags.get(elf.DT_INIT_ARRAYSZ) ?? 0),
    0,
  );
  let [symtabAt, strtabAt, hashAt, unwindAt, initAt] = [0, 0, 0, 0, 0];
  return {
    unwindSize: unwind.size,
    get unwindAt() {
      return unwindAt;
    },
    reserve(data) {
      symtabAt = data.add(symbols.symtab);
      strtabAt = data.add(symbols.strtab, 1);
      hashAt = data.add(symbols.gnuHash);
      unwindAt = data.reserve(unwind.size, 4);
      initAt = data.reserve(initSize);
    },
    fill(data) {
      const functions = initFunctions(program, cxx);
      const init = new Uint8Array(functions.length * 8);
      functions.forEach((address, index) => writeU64(new DataView(init.buffer), index * 8, address));
      data.fill(initAt, init);
      data.fill(unwindAt, unwind.bytes(unwindAt));
      return new Map([
        [elf.DT_SYMTAB, symtabAt],
        [elf.DT_STRTAB, strtabAt],
        [elf.DT_STRSZ, symbols.strtab.length],
        [elf.DT_GNU_HASH, hashAt],
        [elf.DT_INIT_ARRAY, initAt],
        [elf.DT_INIT_ARRAYSZ, init.length],
        // Not for the new table: musl's loader takes the first definition of a name that it can see.
        ...[elf.DT_HASH, elf.DT_VERSYM, elf.DT_VERDEF, elf.DT_VERDEFNUM, elf.DT_VERNEED, elf.DT_VERNEEDNUM].map(
          (tag) => [tag, undefined] as const,
        ),
      ]);
    },
  };
}

/** The constructors in the order in which a loader runs them: what a library needs comes before it, the program last. */
function initFunctions({ dynamic, file }: Program, cxx: readonly Placed[]): number[] {
  const libraries = cxx.toReversed().flatMap(({ base, image, dynamic: { tags } }) => {
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    const first = tags.get(elf.DT_INIT);
    return [
      ...(first === undefined ? [] : [base + first]),
      ...initArray(tags).map((address) => readU64(view, address)),
    ];
  });
  // 0 and -1 stand for nothing.
  return [...libraries, ...initArray(dynamic.tags).map((address) => file.u64At(address))].filter(
    (address) => address !== 0 && address < 2 ** 63,
  );
}

/** The addresses of the words of DT_INIT_ARRAY. */
const initArray = (tags: ReadonlyMap<number, number>): number[] =>
  Array.from(
    { length: Math.floor((tags.get(elf.DT_INIT_ARRAYSZ) ?? 0) / 8) },
    (_, index) => (tags.get(elf.DT_INIT_ARRAY) ?? 0) + index * 8,
  );

/** @throws LinkError for constructors, or a table of them, that lie nowhere in the file. */
function checkInit(file: ElfFile, { tags }: Dynamic): void {
  const [first, array, size] = [tags.get(elf.DT_INIT), tags.get(elf.DT_INIT_ARRAY), tags.get(elf.DT_INIT_ARRAYSZ) ?? 0];
  const astray = (first !== undefined && !file.executes(first)) || (size > 0 && !file.loads(array ?? -1, size));
  if (astray)
    throw new LinkError(
      `${file.name}: its constructors (DT_INIT, DT_INIT_ARRAY) lie nowhere in it; the file is damaged`,
    );
}
