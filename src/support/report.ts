import { asUserError, UserError } from "./error.ts";

/** What a stage made: the size of its file, if it made one, and anything else it reports. */
export type StageResult = { readonly bytes?: number; readonly detail?: string };

/**
 * Runs one stage of the build and prints its line: name, time, size. A terminal shows the name while the stage runs.
 * @throws UserError when the system refuses a write; what the stage throws.
 */
export async function stage<T extends StageResult>(name: string, run: () => T | Promise<T>): Promise<T> {
  if (process.stdout.isTTY) process.stdout.write(`${name.padEnd(9)} ...`);
  const start = Bun.nanoseconds();
  const result = await attempt(name, run);
  const seconds = ((Bun.nanoseconds() - start) / 1e9).toFixed(2).padStart(6);
  const size = result.bytes === undefined ? "" : `${result.bytes.toLocaleString("en-US")} bytes`.padStart(18);
  console.log([name.padEnd(9), `${seconds} s`, size, result.detail].filter(Boolean).join("  "));
  return result;
}

async function attempt<T>(name: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const known = asUserError(error);
    throw known === undefined || known === error ? error : new UserError(`${name}: ${known.message}`);
  } finally {
    if (process.stdout.isTTY) process.stdout.write("\r\x1b[K");
  }
}
