import { AARCH64 } from "./aarch64/architecture.ts";
import type { Architecture } from "./architecture.ts";
import { X86_64 } from "./x86-64/architecture.ts";

/** All architectures. Adding one takes a folder beside these two, and an entry here. */
export const ARCHITECTURES: readonly Architecture[] = [X86_64, AARCH64];

/** This process's architecture; undefined on any other. */
export const HOST: Architecture | undefined = ARCHITECTURES.find(({ processArch }) => processArch === process.arch);

/** The architecture with this e_machine; undefined for any other. */
export const architectureOf = (machine: number): Architecture | undefined =>
  ARCHITECTURES.find((known) => known.machine === machine);

/** This process's architecture. @throws Error on any other. */
export function hostArchitecture(): Architecture {
  if (HOST === undefined)
    throw new Error(
      `this machine is ${process.arch}; pause is built on ${ARCHITECTURES.map(({ name }) => name).join(" or ")}`,
    );
  return HOST;
}
