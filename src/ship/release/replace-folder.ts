import { existsSync, renameSync } from "node:fs";

/**
 * Replaces the folder `place` with `fresh`. A rename cannot replace a folder that has files: the old one first moves to
 * `aside`, and back if the new one cannot take its place.
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
