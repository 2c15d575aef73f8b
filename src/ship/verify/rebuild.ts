import { unfinished } from "../../build/dist.ts";
import { build, type Materials } from "../../build/stages.ts";
import type { Scope } from "../../support/scope.ts";

/**
 * Builds from `materials` into a folder in dist and gives it to `use`; afterwards it is gone. What was built before
 * stays as it was.
 * @throws UserError where a stage cannot do its work; what `use` throws.
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
