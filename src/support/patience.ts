/** How many seconds an emulated machine may take; the slowest one has needed less. */
export const PATIENCE = 900;

/** Returns the value of --patience, or PATIENCE by default. @throws Error when it is not a number of seconds. */
export function parsePatience(given: string | undefined): number {
  if (given === undefined) return PATIENCE;
  if (!/^[1-9]\d{0,5}$/.test(given)) throw new Error(`--patience ${given}: not a number of seconds`);
  return Number(given);
}
