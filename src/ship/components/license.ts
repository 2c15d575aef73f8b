import { license } from "../../../package.json";
import { ARCHITECTURES } from "../../arch/architectures.ts";
import { components } from "./components.ts";

/** The licences that an SPDX expression of this repository names; all of its expressions only know AND. */
export const licensesOf = (expression: string): readonly string[] => expression.split(" AND ");

/**
 * The SPDX expression for /pause: this repository's licence, and that of each component whose work is in the file of
 * some architecture.
 */
export const LICENSE: string = [
  ...new Set([
    license,
    ...ARCHITECTURES.flatMap(components)
      .filter(({ parts }) => parts.length > 0)
      .flatMap((component) => licensesOf(component.license)),
  ]),
].join(" AND ");
