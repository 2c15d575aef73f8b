import type { Routine } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import type { Symbol } from "../elf/dynamic.ts";
import { LinkError } from "./error.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";
import { releaseWith } from "./releases.ts";
import type { Substitutes } from "./substitutes.ts";

/** What a name resolves to: an address, or for a TLS symbol its offset in the owner's TLS template. */
export type Definition = {
  readonly symbol: Symbol;
  readonly owner: Placed | "program" | "fallback";
  readonly value: number;
};

/** The addresses in the output that substitute for those names. */
export type Fallbacks = Substitutes & { readonly routines: ReadonlyMap<Routine, number>; readonly zeroByte: number };

/**
 * Looks up names like the dynamic loader: first in the program, then in the libraries in order, then in the fallbacks.
 * Ignores symbol versions, as musl's loader does: the default definition of a name counts.
 */
export class Resolver {
  constructor(
    private readonly program: Program,
    private readonly libraries: readonly Placed[],
    private readonly fallbacks: Fallbacks,
  ) {}

  lookup(name: string): Definition | undefined {
    const own = this.program.dynamic.exports.get(name);
    if (own !== undefined) return { symbol: own, owner: "program", value: valueOf(own, this.program.file.name, 0) };
    return this.lookupLibraries(name) ?? this.fallback(name);
  }

  lookupLibraries(name: string): Definition | undefined {
    for (const library of this.libraries) {
      const symbol = library.dynamic.exports.get(name);
      if (symbol !== undefined) return define(symbol, library);
    }
    return undefined;
  }

  /**
   * What a relocation of `library` against its symbol refers to. The library's own definition that others cannot see (a
   * hidden version) comes last. Returns undefined for a weak reference that nothing defines.
   * @throws LinkError naming the symbol when nothing defines it and it is not weak.
   */
  reference(library: Placed, symbol: Symbol): Definition | undefined {
    const local = symbol.defined ? define(symbol, library) : undefined;
    if (local !== undefined && symbol.binding === elf.STB_LOCAL) return local;
    const first = this.fallbacks.beforeMusl.includes(symbol.name) ? this.fallback(symbol.name) : undefined;
    const found = first ?? this.lookup(symbol.name) ?? local;
    if (found === undefined && symbol.binding !== elf.STB_WEAK) throw undefinedSymbol(library.path, symbol);
    return found;
  }

  /** The address of a routine. @throws Error when the architecture lacks it: its record is wrong. */
  routine(name: Routine): number {
    const address = this.fallbacks.routines.get(name);
    if (address === undefined)
      throw new Error(`${this.program.architecture.name} has no listing of the routine ${name}`);
    return address;
  }

  private fallback(name: string): Definition | undefined {
    const substitute = this.fallbacks.table.get(name);
    if (substitute === undefined) return undefined;
    if (typeof substitute === "object") return this.lookupLibraries(substitute.alias);
    const value = substitute === "zeroByte" ? this.fallbacks.zeroByte : this.routine(substitute);
    return {
      symbol: { name, binding: 1, type: 0, defined: true, value, size: 0, version: undefined, default: true },
      owner: "fallback",
      value,
    };
  }
}

export function undefinedSymbol(path: string, symbol: Symbol): LinkError {
  const release = releaseWith(symbol);
  const wayOut =
    release === undefined
      ? "link with the musl, libstdc++ and libgcc_s of one release of Debian (12 or newer) or Alpine: --library-dir"
      : `${release}: name the folder of one with --library-dir`;
  const newerBun = release !== undefined && symbol.name.includes("_M_replace_cold");
  return new LinkError(
    `${path}: nothing defines its symbol ${symbol.name}; ` +
      `${wayOut}${newerBun ? ", or compile with Bun 1.3.11 or newer, which does not need it" : ""}`,
  );
}

const define = (symbol: Symbol, library: Placed): Definition => ({
  symbol,
  owner: library,
  value: valueOf(symbol, library.path, library.base),
});

/** @throws LinkError for a symbol whose value is only known after a call at start. */
function valueOf({ name, type, value }: Symbol, path: string, base: number): number {
  if (type === elf.STT_GNU_IFUNC)
    throw new LinkError(
      `${path}: its symbol ${name} is chosen at run time (STT_GNU_IFUNC), which cannot be linked ahead`,
    );
  return type === elf.STT_TLS ? value : base + value;
}
