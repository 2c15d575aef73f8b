import { existsSync, renameSync } from "node:fs";

/**
 * Puts the folder `fresh` in the place of `place`. A folder cannot take another's place while that has files: the old
 * one steps aside to `aside` first, and back if the new one cannot be put there.
 */
export function replaceFolder(place: string, fresh: string, aside: string): void {
  const old = existsSync(place);
  if (old) renameSync(place, aside);
  try {
    renameSync(fresh, place);
  } catch (error) {
    if (old) renameSync(aside, place);
    throw error;
  }
}
