import type { Architecture, Substitute } from "../arch/architecture.ts";

/** What substitutes for a name, and why that is right. */
type Substitution = { readonly by: Substitute; readonly because: string };
type Table = Readonly<Record<string, Substitution>>;

/**
 * Names of glibc that a libstdc++ or libgcc_s built for glibc imports and musl lacks (or lacks in some version), by
 * meaning. An architecture can override them.
 */
const ALWAYS: Table = {
  __libc_single_threaded: { by: "zeroByte", because: "it says that there may be threads, which is always safe" },
  __strftime_l: { by: { alias: "strftime_l" }, because: "another name of it" },
  __pthread_key_create: {
    by: { alias: "pthread_key_create" },
    because: "another name of it; where it is missing libgcc_s takes no locks",
  },
  fopen64: { by: { alias: "fopen" }, because: "musl's file offsets have 64 bits; its 1.2.4 dropped the second names" },
  fseeko64: { by: { alias: "fseeko" }, because: "as fopen64" },
  ftello64: { by: { alias: "ftello" }, because: "as fopen64" },
  lseek64: { by: { alias: "lseek" }, because: "as fopen64" },
  fstat64: { by: { alias: "fstat" }, because: "as fopen64; struct stat is the kernel's in both" },
  __isoc23_strtoul: {
    by: { alias: "strtoul" },
    because: "it differs for numbers that begin with 0b, which libstdc++ reads only in time zone files",
  },
  strtof128: {
    by: "trap",
    because:
      "musl has no 128-bit floating point where long double is not that; std::from_chars for __float128 alone calls it",
  },
  strfromf128: { by: "trap", because: "as strtof128, for std::to_chars" },
};

/** Names that a Bun executable of 1.3.11 or later never calls, but an addon or an older one may. */
const IN_FULL: Table = {
  __cxa_thread_atexit_impl: { by: "threadAtexit", because: "destructors of thread-local objects" },
  _dl_find_object: { by: "findObject", because: "libgcc_s finds unwinding information by it: C++ exceptions" },
  arc4random: { by: "arc4random", because: "std::random_device" },
  // musl has these three, but a libstdc++ that imports them by these names expects glibc's structure.
  __newlocale: { by: "newLocale", because: "libstdc++ reads character tables out of glibc's structure" },
  __duplocale: { by: "sameLocale", because: "as __newlocale" },
  __freelocale: { by: "returnZero", because: "as __newlocale" },
};

/** The names that `inFull` answers in preference to musl's own. */
const BEFORE_MUSL = ["__newlocale", "__duplocale", "__freelocale"];

export type Substitutes = {
  readonly table: ReadonlyMap<string, Substitute>;
  readonly beforeMusl: readonly string[];
};

/** With `inFull`, what addons and Buns before 1.3.11 may call works; without, it traps. */
export function substitutes({ substitutes: own }: Architecture, inFull: boolean): Substitutes {
  const chosen = (table: Table): [string, Substitute][] => Object.entries(table).map(([name, { by }]) => [name, by]);
  if (inFull)
    return {
      table: new Map([...chosen(ALWAYS), ...Object.entries(own), ...chosen(IN_FULL)]),
      beforeMusl: BEFORE_MUSL,
    };
  const traps = Object.keys(IN_FULL)
    .filter((name) => !BEFORE_MUSL.includes(name))
    .map((name): [string, Substitute] => [name, "trap"]);
  return { table: new Map([...traps, ...chosen(ALWAYS), ...Object.entries(own)]), beforeMusl: [] };
}
