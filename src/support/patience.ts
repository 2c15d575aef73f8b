/** How many seconds an emulated machine may take, more than the slowest has needed. */
export const PATIENCE = 900;

/** The value of --patience; PATIENCE where it is not given. @throws Error when it is no number of seconds. */
export function parsePatience(given: string | undefined): number {
  if (given === undefined) return PATIENCE;
  if (!/^[1-9]\d{0,5}$/.test(given)) throw new Error(`--patience ${given}: not a number of seconds`);
  return Number(given);
}
