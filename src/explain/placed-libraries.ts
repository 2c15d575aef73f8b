import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import type { Symbol } from "../elf/dynamic.ts";
import type { ElfFile } from "../elf/file.ts";
import { endOfProgram, type Placed, place } from "../link/layout.ts";
import { CXX_LIBRARIES, findLibrary } from "../link/libraries.ts";

/** A function by the name under which programs know it. */
export type Named = { readonly name: string; readonly address: number; readonly size: number };

/** The libraries where the linker puts them behind `dynamic`, the program as it was compiled. @throws LinkError when one is not there. */
export function placedLibraries(
  architecture: Architecture,
  dynamic: ElfFile,
  dirs: readonly string[],
): readonly Placed[] {
  const found = [...CXX_LIBRARIES, architecture.muslLoader].map((soname) => findLibrary(soname, dirs, architecture));
  return place(architecture, found, endOfProgram(architecture, dynamic).address).placed;
}

/** The functions that `library` exports, each once, in order of address. */
export function functionsOf({ dynamic, base }: Placed): readonly Named[] {
  const functions = [...dynamic.exports.values()].filter(({ type, size }) => type === elf.STT_FUNC && size > 0);
  return [...Map.groupBy(functions, ({ value }) => value)]
    .map(([value, names]) => ({ ...plainest(names), address: base + value }))
    .toSorted((one, other) => one.address - other.address);
}

/** Of several names of one function that with the fewest underscores before it, then the shortest. */
function plainest(names: readonly Symbol[]): { name: string; size: number } {
  const underscores = ({ name }: Symbol) => name.length - name.replace(/^_+/, "").length;
  const [first] = names.toSorted(
    (one, other) =>
      underscores(one) - underscores(other) || one.name.length - other.name.length || (one.name < other.name ? -1 : 1),
  );
  return { name: first?.name ?? "", size: first?.size ?? 0 };
}

/** The name of the function that `address` lies in; where none is exported there, the one before it. */
export function nameAt(functions: readonly Named[], address: number): string | undefined {
  const before = functions.findLast((each) => each.address <= address);
  if (before === undefined) return undefined;
  return address < before.address + before.size ? before.name : `a function not exported, behind ${before.name}`;
}
