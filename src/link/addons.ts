import { architectureOf } from "../arch/architectures.ts";
import * as elf from "../elf/constants.ts";
import { type Dynamic, readDynamic, type Symbol } from "../elf/dynamic.ts";
import { ElfError, ElfFile } from "../elf/file.ts";
import { listFirst } from "../support/list-first.ts";
import type { Addon } from "./api.ts";
import type { Linked } from "./link.ts";
import { answered } from "./loader.ts";
import { missing } from "./missing.ts";
import { releaseWith } from "./releases.ts";

/** An ELF file inside a payload, at the offset `at`. */
type Embedded = { readonly at: number; readonly file: ElfFile; readonly dynamic: Dynamic };

/** Finds the native addons in the bundled program, and whether musl's loader will load each from the linked file. */
export function findAddons(linked: Linked, withSupport: boolean): Addon[] {
  const all = embedded(linked.payload.bytes);
  return all.map((found) => {
    // An addon's own libraries are in the program too, and are unpacked with it.
    const beside = all.filter((other) => found.dynamic.needed.includes(sonameOf(other) ?? ""));
    const defines = (name: string) =>
      linked.defines(name) || beside.some(({ dynamic: { exports } }) => exports.has(name));
    const { atLoad, onCall } = missing(found.dynamic, linked.architecture, defines);
    const problem = problemOf(found, beside, atLoad, linked, withSupport);
    return {
      name: nameOf(linked.payload.bytes, found.at) ?? "an addon without a name",
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
      `it needs ${unknown.join(", ")}, which is not in the program: only where the loader finds it in ` +
      "/lib, /usr/local/lib or /usr/lib"
    );
  return atLoad.length > 0 ? `it wants ${undefinedNames(atLoad)}` : undefined;
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

function embedded(payload: Uint8Array): Embedded[] {
  const magic = Buffer.from([0x7f, 0x45, 0x4c, 0x46, elf.ELFCLASS64, elf.ELFDATA2LSB]);
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const found: Embedded[] = [];
  for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) {
    const one = sharedObject(payload.subarray(at), at);
    if (one !== undefined) found.push(one);
  }
  return found;
}

/** Returns undefined for bytes that only look like a shared object (a string in a source, say). */
function sharedObject(bytes: Uint8Array, at: number): Embedded | undefined {
  try {
    const file = new ElfFile("addon", bytes);
    return file.type === elf.ET_DYN ? { at, file, dynamic: readDynamic(file) } : undefined;
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

/**
 * The name of the file at the offset `at`. Bun's table of modules lists for each one the offset and length of its name
 * and then of its contents, in words of 4 bytes.
 */
function nameOf(payload: Uint8Array, at: number): string | undefined {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const wanted = Buffer.alloc(4);
  wanted.writeUInt32LE(at);
  for (let row = bytes.indexOf(wanted, 8); row >= 0; row = bytes.indexOf(wanted, row + 1)) {
    const [start, length] = [bytes.readUInt32LE(row - 8), bytes.readUInt32LE(row - 4)];
    const name = length < 4096 && start + length <= bytes.length ? bytes.toString("utf8", start, start + length) : "";
    if (name.startsWith("/$bunfs/")) return name.slice("/$bunfs/root/".length);
  }
  return undefined;
}
