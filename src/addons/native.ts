import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import * as elf from "../elf/constants.ts";
import { readDynamic } from "../elf/dynamic.ts";
import { ElfError, ElfFile } from "../elf/file.ts";
import type { Target } from "./target.ts";

/** What an addon's file, or a library's that it needs, says in its headers. */
export type Native = {
  readonly machine: number;
  readonly needed: readonly string[];
  /** The folders of DT_RUNPATH or DT_RPATH that begin with $ORIGIN, as absolute paths. */
  readonly folders: readonly string[];
  /** Does it load through Node-API: does it define or call functions of it? */
  readonly napi: boolean;
};

const known = new Map<string, { readonly changed: number; readonly native: Native | undefined }>();

/** Reads the shared object at `path`; undefined if it is not one or cannot be read. */
export function readNative(path: string): Native | undefined {
  const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  if (changed === undefined) return undefined;
  const before = known.get(path);
  if (before?.changed === changed) return before.native;
  const native = readFresh(path);
  known.set(path, { changed, native });
  return native;
}

function readFresh(path: string): Native | undefined {
  try {
    const file = new ElfFile(path, readFileSync(path));
    if (file.type !== elf.ET_DYN) return undefined;
    const { tags, needed, symbols } = readDynamic(file);
    const searched = tags.get(elf.DT_RUNPATH) ?? tags.get(elf.DT_RPATH);
    const text = searched === undefined ? "" : file.stringAt((tags.get(elf.DT_STRTAB) ?? 0) + searched);
    return {
      machine: file.machine,
      needed,
      folders: text
        .split(":")
        .filter((folder) => /^\$(ORIGIN|\{ORIGIN\})(\/|$)/.test(folder))
        .map((folder) => resolve(folder.replace(/^\$(ORIGIN|\{ORIGIN\})/, dirname(path)))),
      napi: symbols.some(({ name }) => name.startsWith("napi_")),
    };
  } catch (error) {
    if (error instanceof ElfError || (error instanceof Error && "code" in error)) return undefined;
    throw error;
  }
}

/** A file built for glibc needs glibc's loader, and musl's loader has no equivalent. */
export const needsGlibc = ({ needed }: Native): boolean => needed.some((name) => name.startsWith("ld-linux"));

/** Can musl's loader on the target load it, as far as its headers tell? */
export const loads = (native: Native | undefined, { machine }: Target): boolean =>
  native !== undefined && native.machine === machine && !needsGlibc(native);

/**
 * The libraries that come with the object at `path`: those of its DT_NEEDED that its run path leads to, and those that
 * these need in turn, each once.
 */
export function ownLibraries(path: string): readonly string[] {
  const found = new Set<string>();
  const collect = (file: string): void => {
    const native = readNative(file);
    for (const name of native?.needed ?? []) {
      const library = native?.folders.map((folder) => join(folder, name)).find((at) => existsSync(at));
      if (library === undefined || found.has(library)) continue;
      found.add(library);
      collect(library);
    }
  };
  collect(path);
  return [...found];
}
