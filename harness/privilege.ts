import { test } from "bun:test";

export const ROOT = process.getuid?.() === 0;
const CI = process.env.CI === "true";

/**
 * A test that needs something of the machine: it is skipped, with the reason in its name, where `present` is false, but
 * under CI, where a skip would hide that nothing was tested, it fails.
 */
export function testNeeding(what: string, present: boolean) {
  return (name: string, run: () => void | Promise<void>, timeout = 60_000): void => {
    if (present) test(name, run, timeout);
    else if (CI)
      test(`${name} (needs ${what})`, () =>
        Promise.reject(new Error(`${what} is not there, and under CI everything must run`)));
    else test.skip(`${name} (skipped: needs ${what})`, run);
  };
}
