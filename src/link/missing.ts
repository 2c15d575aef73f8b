import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import type { Dynamic, Symbol } from "../elf/dynamic.ts";

/** The symbols that a library wants and nothing defines. */
export type Missing = {
  /** Without these, musl's loader does not load the library. */
  readonly atLoad: readonly Symbol[];
  /** Without these, the library loads, but calling one of them ends the process. */
  readonly onCall: readonly Symbol[];
};

/**
 * Bun asks musl's loader for lazy binding. The loader then ignores symbols that only the library's own tables of
 * addresses refer to (`lazy` in do_relocs of its ldso/dynlink.c), unless the library wants all symbols at once
 * (DF_BIND_NOW, DF_1_NOW).
 */
export function missing(
  { tags, symbols, relocations }: Dynamic,
  { lazyRelocations }: Architecture,
  defines: (name: string) => boolean,
): Missing {
  const now =
    ((tags.get(elf.DT_FLAGS) ?? 0) & elf.DF_BIND_NOW) !== 0 ||
    ((tags.get(elf.DT_FLAGS_1) ?? 0) & elf.DF_1_NOW) !== 0 ||
    tags.has(elf.DT_BIND_NOW);
  const atLoad = new Set<Symbol>();
  const onCall = new Set<Symbol>();
  for (const { symbol: index, type } of relocations) {
    const symbol = symbols[index];
    if (symbol === undefined || symbol.defined || symbol.name === "") continue;
    if (symbol.binding === elf.STB_WEAK || symbol.binding === elf.STB_LOCAL || defines(symbol.name)) continue;
    if (now || !lazyRelocations.has(type)) atLoad.add(symbol);
    else onCall.add(symbol);
  }
  return { atLoad: [...atLoad], onCall: [...onCall].filter((symbol) => !atLoad.has(symbol)) };
}
