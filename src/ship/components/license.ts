import { license } from "../../../package.json";
import { ARCHITECTURES } from "../../arch/architectures.ts";
import { components } from "./components.ts";

/** The licences in an SPDX expression of this repository; these expressions use only AND. */
export const licensesOf = (expression: string): readonly string[] => expression.split(" AND ");

/**
 * The SPDX expression for /pause: the licence of this repository, and of each component with work in the file of some
 * architecture.
 */
export const LICENSE: string = [
  ...new Set([
    license,
    ...ARCHITECTURES.flatMap(components)
      .filter(({ parts }) => parts.length > 0)
      .flatMap((component) => licensesOf(component.license)),
  ]),
].join(" AND ");
