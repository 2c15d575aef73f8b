import { unfinished } from "../../build/dist.ts";
import { build, type Materials } from "../../build/stages.ts";
import type { Scope } from "../../support/scope.ts";

/**
 * Builds from `materials` into a temporary folder in dist and passes it to `use`. Earlier builds stay as they were.
 * @throws UserError when a stage cannot do its work; what `use` throws.
 */
export async function withRebuilt<T>(
  run: Scope,
  materials: Materials,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  await using own = run.nested();
  const folder = unfinished(own);
  await build(own, materials, folder);
  return await use(folder);
}
