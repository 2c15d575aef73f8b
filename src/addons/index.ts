/** The plugin for your own build script: `import { addons } from "bun-static/addons"`. */
import { ARCHITECTURES, HOST } from "../arch/architectures.ts";
import { UserError } from "../support/error.ts";
import type { AddonsPlugin } from "./api.ts";
import { addonsPlugin } from "./plugin.ts";

export type { AddonsPlugin, Finding } from "./api.ts";

/**
 * A plugin for Bun.build with `compile`: the program's native addons load from the executable once it is linked.
 * `target`: the target of `compile` and bun build; by default this machine's with musl.
 * @throws UserError when the linker does not support the target.
 */
export function addons(target: string = HOST?.bunTarget ?? process.arch): AddonsPlugin {
  const words = target.split("-");
  const architecture = ARCHITECTURES.find(({ bunTarget }) => words.includes(bunTarget.split("-")[2] ?? bunTarget));
  if (architecture !== undefined && words.includes("musl")) return addonsPlugin(architecture);
  const known = ARCHITECTURES.map(({ bunTarget }) => bunTarget).join(" or ");
  throw new UserError(`${target}: nothing is linked for this target; choose ${known}`);
}
