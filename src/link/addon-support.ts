import * as elf from "../elf/constants.ts";
import { CLocale } from "./c-locale.ts";
import { Bytes, type Chunk } from "./chunk.ts";
import { Constructors, checkConstructors } from "./constructors.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";
import { mergeSymbols, type SymbolTables } from "./symbols.ts";
import type { TlsTemplate } from "./tls.ts";
import { UnwindTable } from "./unwind.ts";

/** Builds the C++ libraries into the program for the addons that it loads. */
export class AddonSupport {
  readonly unwind: UnwindTable;
  /** The read-only chunks. */
  readonly readOnly: readonly Chunk[];
  /** Where `threadAtexit` keeps a pthread_once_t and the key it made, 8 bytes each. */
  readonly threads = new Bytes(new Uint8Array(16));
  private readonly symbols: SymbolTables;
  private readonly constructors: Constructors;
  private readonly locale = new CLocale();

  /** @throws LinkError when a file's constructors or unwinding information are invalid. */
  constructor(program: Program, cxx: readonly Placed[], tls: TlsTemplate) {
    for (const { dynamic, file } of [program, ...cxx]) checkConstructors(file, dynamic);
    this.symbols = mergeSymbols(program, cxx, tls);
    this.unwind = new UnwindTable(program, cxx);
    this.constructors = new Constructors(program, cxx);
    const { symtab, strtab, gnuHash } = this.symbols;
    this.readOnly = [this.locale, symtab, strtab, gnuHash, this.unwind, this.constructors];
  }

  /** Addresses for the fields in the routines' code. */
  get fields(): ReadonlyMap<string, number> {
    return new Map([
      ["glibc_c_locale", this.locale.address],
      ["thread_atexit_once", this.threads.address],
      ["thread_atexit_key", this.threads.address + 8],
    ]);
  }

  /** New values for the program's dynamic section, once everything is relocated. */
  get tags(): ReadonlyMap<number, number | undefined> {
    const { symtab, strtab, gnuHash } = this.symbols;
    return new Map([
      [elf.DT_SYMTAB, symtab.address],
      [elf.DT_STRTAB, strtab.address],
      [elf.DT_STRSZ, strtab.size],
      [elf.DT_GNU_HASH, gnuHash.address],
      [elf.DT_INIT_ARRAY, this.constructors.address],
      [elf.DT_INIT_ARRAYSZ, this.constructors.functions().length * 8],
      // They do not fit the new table: musl's loader takes the first definition of a name that it can see.
      ...[elf.DT_HASH, elf.DT_VERSYM, elf.DT_VERDEF, elf.DT_VERDEFNUM, elf.DT_VERNEED, elf.DT_VERNEEDNUM].map(
        (tag) => [tag, undefined] as const,
      ),
    ]);
  }
}
