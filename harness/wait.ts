const PATIENCE_MS = 20_000;

/** How a program ended: its exit status (128 and more: a signal), and all its output. */
export type Ending = { readonly status: number; readonly stdout: string; readonly stderr: string };

/** Asks until there is an answer. @throws Error naming what did not happen. */
export async function soon<T>(what: string, ask: () => T | undefined): Promise<T> {
  for (const limit = performance.now() + PATIENCE_MS; performance.now() < limit; await Bun.sleep(2)) {
    const answer = ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`gave up after waiting ${PATIENCE_MS / 1000} s for ${what}`);
}
