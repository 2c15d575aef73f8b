import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "../arch/architecture.ts";
import { HOST } from "../arch/architectures.ts";
import { type Dynamic, readDynamic } from "../elf/dynamic.ts";
import { ElfError, ElfFile } from "../elf/file.ts";
import { LinkError } from "./error.ts";
import { reason } from "./file.ts";

/** A shared library as read from disk. */
export type Library = {
  readonly soname: string;
  readonly path: string;
  readonly file: ElfFile;
  readonly dynamic: Dynamic;
};

/** The C++ libraries that a Bun executable needs besides musl, in symbol order. libstdc++ in turn needs libgcc_s. */
export const CXX_LIBRARIES = ["libstdc++.so.6", "libgcc_s.so.1"] as const;

/** The packages that contain them, on Debian and on Alpine. */
const PACKAGES: Readonly<Record<string, readonly [debian: string, alpine: string]>> = {
  "libstdc++.so.6": ["libstdc++6", "libstdc++"],
  "libgcc_s.so.1": ["libgcc-s1", "libgcc"],
};
const MUSL_PACKAGES = ["musl", "musl"] as const;

/** Debian's packages that together contain all of them. */
export const LIBRARY_PACKAGES: readonly string[] = [...Object.values(PACKAGES), MUSL_PACKAGES].map(
  ([debian]) => debian,
);

/** The folders of the libraries on Debian and on Alpine, in search order. */
export const libraryDirs = ({ libraryDirs }: Architecture): readonly string[] => [...libraryDirs, "/usr/lib", "/lib"];

/**
 * Reads `soname` from the first of `dirs` that has it for `architecture`. On a machine that runs two architectures, a
 * folder may have the other's.
 * @throws LinkError naming the package when no folder has it.
 */
export function findLibrary(soname: string, dirs: readonly string[], architecture: Architecture): Library {
  const files = dirs
    .map((dir) => join(dir, soname))
    .filter((path) => existsSync(path))
    .map((path) => readLibrary(path));
  const file = files.find(({ machine }) => machine === architecture.machine);
  if (file === undefined) {
    const others = files.map(({ name }) => `${name} is for another architecture; `).join("");
    throw new LinkError(
      `${soname} for ${architecture.name} not found in ${dirs.join(", ")}; ${others}${howToGet(soname, architecture)}`,
    );
  }
  return { soname, path: file.name, file, dynamic: readDynamic(file) };
}

/** @throws LinkError when the file cannot be read or is not an ELF file. */
function readLibrary(path: string): ElfFile {
  try {
    return new ElfFile(path, readFileSync(path));
  } catch (error) {
    const found = error instanceof ElfError ? error.message : `${path}: cannot be read (${reason(error)})`;
    throw new LinkError(
      `${found}; expected a shared library: reinstall it, or name another folder before this one with --library-dir`,
    );
  }
}

/**
 * Returns `dirs` after checking that they can be read.
 * @throws LinkError for one that is missing or not a folder.
 */
export function checkedDirs(dirs: readonly string[]): readonly string[] {
  const wrong = dirs.find((dir) => statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true);
  if (wrong !== undefined)
    throw new LinkError(
      `${wrong}: it does not exist or is not a folder, so it has no libraries; correct --library-dir`,
    );
  return dirs;
}

function howToGet(soname: string, architecture: Architecture): string {
  const [debian, alpine] = PACKAGES[soname] ?? MUSL_PACKAGES;
  if (architecture === HOST) return `on Debian: apt-get install ${debian}; on Alpine: apk add ${alpine}`;
  return (
    `it is in Debian's package ${debian}:${architecture.debian} and Alpine's ${alpine}: unpack it and name its ` +
    "folder with --library-dir"
  );
}
