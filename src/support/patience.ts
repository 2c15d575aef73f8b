/** How many seconds an emulated machine may take, more than the slowest has needed. */
export const PATIENCE = 900;

/** Returns the value of --patience, or PATIENCE without one. @throws Error when it is not a number of seconds. */
export function parsePatience(given: string | undefined): number {
  if (given === undefined) return PATIENCE;
  if (!/^[1-9]\d{0,5}$/.test(given)) throw new Error(`--patience ${given}: not a number of seconds`);
  return Number(given);
}
