import type { Symbol } from "../elf/dynamic.ts";

/** Since when a library has a symbol, and the first releases with that library. */
type Since = { readonly what: string; readonly where: string };

const GCC_13: Since = { what: "libstdc++ of GCC 13", where: "Debian 13, Ubuntu 24.04, Alpine 3.19" };
const GCC_14: Since = { what: "libstdc++ of GCC 14", where: "Debian 13, Alpine 3.21" };
const GCC_15: Since = { what: "libstdc++ of GCC 15", where: "Debian 14, Alpine 3.23" };
const GCC_16: Since = { what: "libstdc++ of GCC 16", where: "Debian sid" };
const MUSL_1_2_5: Since = { what: "musl 1.2.5", where: "Debian 13, Alpine 3.20" };
const MUSL_1_2_6: Since = { what: "musl 1.2.6", where: "Debian sid" };

/** By symbol version: additions after Debian 12's libstdc++ (its manual, "ABI Policy and Guidelines"). */
const BY_VERSION: ReadonlyMap<string, Since> = new Map([
  ["GLIBCXX_3.4.31", GCC_13],
  ["GLIBCXX_3.4.32", GCC_13],
  ["CXXABI_1.3.14", GCC_13],
  ["GLIBCXX_3.4.33", GCC_14],
  ["CXXABI_1.3.15", GCC_14],
  ["GLIBCXX_3.4.34", GCC_15],
  ["CXXABI_1.3.16", GCC_15],
  ["GLIBCXX_3.4.35", GCC_16],
  ["GLIBCXX_3.4.36", GCC_16],
  ["CXXABI_1.3.17", GCC_16],
]);

/** By name: musl has no versions, and libraries linked for it may lack them for libstdc++ too. */
const BY_NAME: ReadonlyMap<string, Since> = new Map([
  ["_ZNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE15_M_replace_coldEPcmPKcmm", GCC_13],
  ["_ZNSt7__cxx1112basic_stringIwSt11char_traitsIwESaIwEE15_M_replace_coldEPwmPKwmm", GCC_13],
  ["_ZSt21ios_base_library_initv", GCC_13],
  ["__cxa_call_terminate", GCC_14],
  ...["statx", "preadv2", "pwritev2", "renameat2"].map((name) => [name, MUSL_1_2_5] as const),
  ...["posix_getdents", "__getauxval"].map((name) => [name, MUSL_1_2_6] as const),
]);

/** Says which library has `symbol`, and where to get that, for a message; undefined if no known library has it. */
export function releaseWith({ name, version }: Pick<Symbol, "name" | "version">): string | undefined {
  const since = (version === undefined ? undefined : BY_VERSION.get(version)) ?? BY_NAME.get(name);
  return since === undefined ? undefined : `${since.what} or newer has it (${since.where})`;
}
