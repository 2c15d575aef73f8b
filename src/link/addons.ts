import { architectureOf } from "../arch/architectures.ts";
import * as elf from "../elf/constants.ts";
import { type Dynamic, readDynamic, type Symbol } from "../elf/dynamic.ts";
import { ElfError, ElfFile } from "../elf/file.ts";
import { listFirst } from "../support/list-first.ts";
import type { Addon } from "./api.ts";
import { type EmbeddedFile, embeddedFiles } from "./embedded.ts";
import type { Linked } from "./link.ts";
import { answered } from "./loader.ts";
import { missing } from "./missing.ts";
import { releaseWith } from "./releases.ts";

/** An ELF file inside a payload. */
type Embedded = { readonly name: string | undefined; readonly file: ElfFile; readonly dynamic: Dynamic };

/** Finds the native addons in the bundled program, and whether musl's loader will load each from the linked file. */
export function findAddons(linked: Linked, withSupport: boolean): Addon[] {
  const payload = linked.payload.bytes;
  const all = embeddedFiles(payload)
    .map((found) => sharedObject(payload, found))
    .filter((found) => found !== undefined);
  const bySoname = new Map(all.map((found) => [sonameOf(found), found]));
  return all.map((found) => {
    // An addon's own libraries are in the program too, and are unpacked with it.
    const beside = found.dynamic.needed.map((soname) => bySoname.get(soname)).filter((other) => other !== undefined);
    const defines = (name: string) =>
      linked.defines(name) || beside.some(({ dynamic: { exports } }) => exports.has(name));
    const { atLoad, onCall } = missing(found.dynamic, linked.architecture, defines);
    const problem = problemOf(found, beside, atLoad, linked, withSupport);
    return {
      name: found.name ?? "an addon without a name",
      problem,
      risk:
        problem === undefined && onCall.length > 0
          ? `it ends the process if it calls ${undefinedNames(onCall)}`
          : undefined,
    };
  });
}

function problemOf(
  { file, dynamic }: Embedded,
  beside: readonly Embedded[],
  atLoad: readonly Symbol[],
  linked: Linked,
  withSupport: boolean,
): string | undefined {
  if (file.machine !== linked.architecture.machine)
    return `it is for ${architectureOf(file.machine)?.name ?? `the e_machine ${file.machine}`}`;
  const unknown = dynamic.needed
    .filter((soname) => !answered(soname, withSupport))
    .filter((soname) => !beside.some((other) => sonameOf(other) === soname));
  const glibc = unknown.find((soname) => soname.startsWith("ld-linux"));
  if (glibc !== undefined) return `it was built for glibc (it needs ${glibc}): install the package's variant for musl`;
  if (!withSupport && unknown.some((soname) => answered(soname, true)))
    return `it needs ${unknown.join(", ")}: link without --no-addons`;
  if (unknown.length > 0)
    return (
      `it needs ${unknown.join(", ")}, which is not in the program: it loads only if the loader finds it in ` +
      "/lib, /usr/local/lib or /usr/lib"
    );
  return atLoad.length > 0 ? `it needs ${undefinedNames(atLoad)}` : undefined;
}

/** The name by which other files need it: DT_SONAME. */
function sonameOf({ file, dynamic: { tags } }: Embedded): string | undefined {
  const soname = tags.get(elf.DT_SONAME);
  return soname === undefined ? undefined : file.stringAt((tags.get(elf.DT_STRTAB) ?? 0) + soname);
}

/** Lists the names, and where to get the first one. */
function undefinedNames(symbols: readonly Symbol[]): string {
  const names = listFirst(
    symbols.map(({ name }) => name),
    3,
  );
  const release = symbols.map((symbol) => releaseWith(symbol)).find((found) => found !== undefined);
  return `${names}, which nothing defines${release === undefined ? "" : `: ${release}`}`;
}

/** Returns undefined for bytes that only look like a shared object (a string in a source, say). */
function sharedObject(payload: Uint8Array, { at, length, name }: EmbeddedFile): Embedded | undefined {
  try {
    const file = new ElfFile("addon", payload.subarray(at, at + length));
    return file.type === elf.ET_DYN ? { name, file, dynamic: readDynamic(file) } : undefined;
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

/** What loaders read to learn the C library, and the name under which the plugin shows its answers. */
const QUESTIONS = ["/usr/bin/ldd", "glibcVersionRuntime"];
const ANSWERS = 'Symbol.for("bun-static")';

/** Does the program in `payload` have loaders that ask, without the plugin's answers? */
export function hasUnanswered(payload: Uint8Array): boolean {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return QUESTIONS.some((text) => bytes.includes(text)) && !bytes.includes(ANSWERS);
}
