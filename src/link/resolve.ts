import type { Routine, Substitute } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import type { Symbol } from "../elf/dynamic.ts";
import { LinkError } from "./error.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";

/** Where a name leads: the address, or for a TLS symbol its offset in the owner's TLS template. */
export type Definition = { readonly symbol: Symbol; readonly owner: Placed | "program" | "fallback"; readonly value: number };

/**
 * What glibc has, a libstdc++ built for glibc imports, and musl has not. No path of a Bun executable calls what leads to a
 * trap. The byte says "there may be threads", which is always safe. An architecture can say otherwise.
 */
const SUBSTITUTES: Readonly<Record<string, Substitute>> = {
  __strftime_l: "trap",
  arc4random: "trap",
  _dl_find_object: "trap",
  __cxa_thread_atexit_impl: "trap",
  __libc_single_threaded: "zeroByte",
};

/** The addresses in the output that stand in for those names. */
export type Fallbacks = { readonly routines: ReadonlyMap<Routine, number>; readonly zeroByte: number };

/**
 * Looks names up as the dynamic loader would: the program first, then the libraries in order, then the fallbacks. Symbol
 * versions are passed over, as musl's loader does: the default definition of a name counts.
 */
export class Resolver {
  constructor(
    private readonly program: Program,
    private readonly libraries: readonly Placed[],
    private readonly fallbacks: Fallbacks,
  ) {}

  lookup(name: string): Definition | undefined {
    const own = this.program.dynamic.exports.get(name);
    if (own !== undefined) return { symbol: own, owner: "program", value: own.value };
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
   * What a relocation of `library` against its symbol refers to. A definition of its own that others cannot see (a hidden
   * version) is found last; a weak reference that nothing defines is undefined.
   * @throws LinkError naming the symbol when nothing defines it and it is not weak.
   */
  reference(library: Placed, symbol: Symbol): Definition | undefined {
    const local = symbol.defined ? define(symbol, library) : undefined;
    if (local !== undefined && symbol.binding === elf.STB_LOCAL) return local;
    const found = this.lookup(symbol.name) ?? local;
    if (found === undefined && symbol.binding !== elf.STB_WEAK) throw undefinedSymbol(library.path, symbol.name);
    return found;
  }

  /** The address of a routine. @throws Error for one that the architecture has not: its record is wrong. */
  routine(name: Routine): number {
    const address = this.fallbacks.routines.get(name);
    if (address === undefined) throw new Error(`${this.program.architecture.name} has no listing of the routine ${name}`);
    return address;
  }

  private fallback(name: string): Definition | undefined {
    const substitute = this.program.architecture.substitutes[name] ?? SUBSTITUTES[name];
    if (substitute === undefined) return undefined;
    if (typeof substitute === "object") return this.lookupLibraries(substitute.alias);
    const value = substitute === "zeroByte" ? this.fallbacks.zeroByte : this.routine(substitute);
    return { symbol: { name, binding: 1, type: 0, defined: true, value, size: 0, default: true }, owner: "fallback", value };
  }
}

export function undefinedSymbol(path: string, name: string): LinkError {
  return new LinkError(`${path}: nothing defines its symbol ${name}; link with the musl and libstdc++ of Debian 12 or of Alpine`);
}

function define(symbol: Symbol, library: Placed): Definition {
  if (symbol.type === elf.STT_GNU_IFUNC) {
    throw new LinkError(`${library.path}: its symbol ${symbol.name} is chosen at run time (STT_GNU_IFUNC), which cannot be linked ahead`);
  }
  return { symbol, owner: library, value: symbol.type === elf.STT_TLS ? symbol.value : library.base + symbol.value };
}
