import { LinkError } from "./error.ts";
import type { Placed } from "./layout.ts";

/** The environment variables that make musl's loader look for files (ld.so part of musl's manual). */
const VARIABLES = ["LD_PRELOAD", "LD_LIBRARY_PATH"] as const;

/**
 * The libraries, by the part of their name between "lib" and the first dot, that musl's loader says it has in itself.
 */
const OWN_NAMES = "c.pthread.rt.m.dl.util.xnet.";

/**
 * The same with the C++ libraries, in as many bytes. The three left out (librt, libutil and libxnet) exist with musl as
 * empty archives alone, so no library that was linked for musl asks for them.
 */
const NAMES_WITH_CXX = "c.pthread.m.dl.stdc++.gcc_s.";

/** Does musl's loader answer this name itself, in a program linked with addons or without? */
export function answered(soname: string, addons: boolean): boolean {
  const names = (addons ? NAMES_WITH_CXX : OWN_NAMES).split(".").filter((name) => name !== "");
  return names.some((name) => soname.startsWith(`lib${name}.`));
}

/** Empties the names that musl's loader looks up in the environment: a name of no bytes is never there. */
export function ignoreVariables(musl: Placed): void {
  for (const name of VARIABLES) {
    musl.image[findOnce(musl, name, "leave the variables in with --loader-variables")] = 0;
  }
}

/**
 * Makes musl's loader answer the names of the C++ libraries itself: what they export is in the program's symbol table.
 */
export function answerCxxLibraries(musl: Placed): void {
  musl.image.set(
    new TextEncoder().encode(NAMES_WITH_CXX),
    findOnce(musl, OWN_NAMES, "link without addons: --no-addons"),
  );
}

/**
 * Where in musl's image the string `text` stands.
 * @throws LinkError with the way out when it is not there exactly once.
 */
function findOnce({ image, path }: Placed, text: string, wayOut: string): number {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const string = Buffer.from(`\0${text}\0`);
  const at = bytes.indexOf(string);
  if (at < 0 || bytes.indexOf(string, at + 1) >= 0) {
    throw new LinkError(
      `${path}: the string "${text}" of musl's loader is not there once, so it cannot be changed; use musl ` +
        `1.2, or ${wayOut}`,
    );
  }
  return at + 1;
}
