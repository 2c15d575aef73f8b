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
      `${path}: the string "${text}" of musl's loader is not there once, so it cannot be changed; use musl ` +
        `1.2, or ${wayOut}`,
    );
  }
  return at + 1;
}
