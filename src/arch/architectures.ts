import { AARCH64 } from "./aarch64/architecture.ts";
import type { Architecture } from "./architecture.ts";
import { X86_64 } from "./x86-64/architecture.ts";

/** All there are. Another one is a folder beside these two, and a word here. */
export const ARCHITECTURES: readonly Architecture[] = [X86_64, AARCH64];

/** The one this process runs on; undefined on any other. */
export const HOST: Architecture | undefined = ARCHITECTURES.find(({ processArch }) => processArch === process.arch);

/** The one whose ELF files have this e_machine; undefined for any other. */
export const architectureOf = (machine: number): Architecture | undefined =>
  ARCHITECTURES.find((known) => known.machine === machine);

/** The one this process runs on. @throws Error on any other. */
export function hostArchitecture(): Architecture {
  if (HOST === undefined)
    throw new Error(
      `this machine is ${process.arch}; pause is built on ${ARCHITECTURES.map(({ name }) => name).join(" or ")}`,
    );
  return HOST;
}
