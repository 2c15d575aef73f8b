import { LinkError } from "./error.ts";
import type { Placed } from "./layout.ts";

/** The environment variables that make musl's loader look for files (musl's manual, ld.so). */
const VARIABLES = ["LD_PRELOAD", "LD_LIBRARY_PATH"] as const;

/** The libraries that musl's loader says it contains, by the part of their name between "lib" and the first dot. */
const OWN_NAMES = "c.pthread.rt.m.dl.util.xnet.";

/**
 * The same list with the C++ libraries, in as many bytes. For the three left out (librt, libutil and libxnet), musl
 * only has empty archives, so no library linked for musl asks for them.
 */
const NAMES_WITH_CXX = "c.pthread.m.dl.stdc++.gcc_s.";

/** Does musl's loader answer this name itself, in a program linked with or without addons? */
export function answered(soname: string, addons: boolean): boolean {
  const names = (addons ? NAMES_WITH_CXX : OWN_NAMES).split(".").filter((name) => name !== "");
  return names.some((name) => soname.startsWith(`lib${name}.`));
}

/** Empties the names that musl's loader looks up in the environment: no variable has an empty name. */
export function ignoreVariables(musl: Placed): void {
  for (const name of VARIABLES) {
    musl.image[findOnce(musl, name, "leave the variables in with --loader-variables")] = 0;
  }
}

/**
 * Makes musl's loader answer the names of the C++ libraries itself. The program's symbol table has what they export.
 */
export function answerCxxLibraries(musl: Placed): void {
  musl.image.set(
    new TextEncoder().encode(NAMES_WITH_CXX),
    findOnce(musl, OWN_NAMES, "link without addons: --no-addons"),
  );
}

/** The beginning of the list of names in musl's loader that it also answers with "64" behind them, since 1.2.4. */
const NAMES_64 = Buffer.from("\0aio_cancel\0aio_error\0");

/**
 * The names of functions with 64-bit file offsets, such as open64, that musl's loader answers with its own without the
 * 64 (get_lfs64 in ldso/dynlink.c). Its symbol table lacks them. Empty before musl 1.2.4, whose table has them.
 */
export function answered64({ image }: Pick<Placed, "image">): readonly string[] {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const start = bytes.indexOf(NAMES_64);
  // Two zero bytes end the list.
  const end = start < 0 ? -1 : bytes.indexOf("\0\0", start + 1, "latin1");
  if (end < 0) return [];
  return bytes
    .toString("latin1", start + 1, end)
    .split("\0")
    .map((name) => `${name}64`);
}

/**
 * Where the string `text` occurs in musl's image.
 * @throws LinkError with the way out unless it occurs exactly once.
 */
function findOnce({ image, path }: Placed, text: string, wayOut: string): number {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const string = Buffer.from(`\0${text}\0`);
  const at = bytes.indexOf(string);
  if (at < 0 || bytes.indexOf(string, at + 1) >= 0) {
    throw new LinkError(
      `${path}: the string "${text}" of musl's loader does not occur exactly once, so it cannot be changed; use musl ` +
        `1.2, or ${wayOut}`,
    );
  }
  return at + 1;
}
