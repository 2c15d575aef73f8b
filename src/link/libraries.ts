import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Dynamic, readDynamic } from "../elf/dynamic.ts";
import { ElfFile } from "../elf/file.ts";
import { LinkError } from "./error.ts";

/** A shared library as read from disk. */
export type Library = { readonly soname: string; readonly path: string; readonly file: ElfFile; readonly dynamic: Dynamic };

/** Where the libraries lie on Debian (first two) and on Alpine (last two), in the order searched. */
export const LIBRARY_DIRS = ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib", "/lib"] as const;

const PACKAGES: Readonly<Record<string, string>> = {
  "libstdc++.so.6": "on Debian: apt-get install libstdc++6; on Alpine: apk add libstdc++",
  "libgcc_s.so.1": "on Debian: apt-get install libgcc-s1; on Alpine: apk add libgcc",
  "ld-musl-x86_64.so.1": "on Debian: apt-get install musl; on Alpine: apk add musl",
};

/** The C++ libraries that a Bun executable needs besides musl, in symbol order. libgcc_s is what libstdc++ needs in turn. */
export const CXX_LIBRARIES = ["libstdc++.so.6", "libgcc_s.so.1"] as const;

/** musl's libc is its dynamic loader too, and is named as such in PT_INTERP. */
export const MUSL = "ld-musl-x86_64.so.1";

/** Reads `soname` from the first of `dirs` that has it. @throws LinkError naming the package that has it when none does. */
export function findLibrary(soname: string, dirs: readonly string[]): Library {
  const path = dirs.map((dir) => join(dir, soname)).find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new LinkError(`${soname} not found in ${dirs.join(", ")}; ${PACKAGES[soname] ?? "name its folder with --library-dir"}`);
  }
  const file = new ElfFile(path, readFileSync(path));
  return { soname, path, file, dynamic: readDynamic(file) };
}
