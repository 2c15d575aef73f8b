import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { UserError } from "../../src/support/error.ts";
import { sha256 } from "../../src/support/hash.ts";

/** Findings of `bun run fuzz`, a folder for each property. Every run begins with these inputs. */
const SEEDS = join(import.meta.dir, "seeds");

/** How many inputs each property gets. `bun run fuzz` sets more than a test run takes. */
const RUNS = Number(process.env.FUZZ_RUNS ?? 200);

/** Where `bun run fuzz` looks for the input that hangs a property. */
const UNDER_WAY = process.env.FUZZ_UNDER_WAY;

const MINUTES = 60_000;

/**
 * A test that `holds` returns for every input: earlier findings, and as many new ones of `inputs` as the run takes.
 * `name`: valid as a file name. A shrunk input that it throws for becomes a seed, if `bun run fuzz` found it.
 */
export function property(
  name: string,
  inputs: fc.Arbitrary<Uint8Array>,
  holds: (input: Uint8Array) => void | Promise<void>,
): void {
  const seeds = join(SEEDS, name);
  test(
    name,
    async () => {
      for (const seed of existsSync(seeds) ? readdirSync(seeds) : []) await holds(readFileSync(join(seeds, seed)));
      const tried = fc.asyncProperty(inputs, async (input) => {
        if (UNDER_WAY !== undefined) writeFileSync(join(UNDER_WAY, name), input);
        await holds(input);
      });
      const found = await fc.check(tried, { numRuns: RUNS });
      if (UNDER_WAY !== undefined) rmSync(join(UNDER_WAY, name), { force: true });
      if (!found.failed) return;
      const input = found.counterexample?.[0] ?? new Uint8Array();
      const kept = UNDER_WAY === undefined ? "bun run fuzz writes such a one down" : keep(name, input);
      const again = `seed ${found.seed}, path ${found.counterexamplePath}`;
      throw new Error(`${name} breaks for an input of ${input.length} bytes (${again}): ${kept}`, {
        cause: found.errorInstance,
      });
    },
    // Longer than any run takes, because a hang is ended from outside.
    60 * MINUTES,
  );
}

/** Stores an input as a seed. */
export function keep(name: string, input: Uint8Array): string {
  const path = join(SEEDS, name, sha256(input).slice(0, 16));
  mkdirSync(join(SEEDS, name), { recursive: true });
  writeFileSync(path, input);
  return path;
}

/** The result of `read`, or the one line for the reader that it throws. Any other error is a finding. */
export function lineOr<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).toMatch(/^[^\n]+$/);
    return error.message;
  }
}

/**
 * `file` with up to `most` edits: a byte changed; a run of bytes removed, repeated, or set to zeros or ones; or only
 * its beginning.
 */
export function damaged(file: Uint8Array, most = 4): fc.Arbitrary<Uint8Array> {
  const at = fc.nat(Math.max(0, file.length - 1));
  const length = fc.oneof(fc.nat(8), fc.nat(600));
  const edit = fc.oneof(
    fc.record({ kind: fc.constant("byte" as const), at, value: fc.integer({ min: 0, max: 255 }) }),
    fc.record({ kind: fc.constant("flip" as const), at, value: fc.nat(7) }),
    fc.record({ kind: fc.constantFrom("cut" as const, "repeat" as const), at, value: length }),
    fc.record({ kind: fc.constantFrom("zeros" as const, "ones" as const), at, value: length }),
    fc.record({ kind: fc.constant("end" as const), at, value: fc.constant(0) }),
  );
  return fc.array(edit, { minLength: 1, maxLength: most }).map((edits) => edits.reduce(edited, file));
}

type Edit = {
  readonly kind: "byte" | "flip" | "cut" | "repeat" | "zeros" | "ones" | "end";
  readonly at: number;
  readonly value: number;
};

function edited(file: Uint8Array, { kind, at, value }: Edit): Uint8Array {
  const [before, run, after] = [file.subarray(0, at), file.subarray(at, at + value), file.subarray(at + value)];
  if (kind === "end") return before;
  if (kind === "cut") return Buffer.concat([before, after]);
  if (kind === "repeat") return Buffer.concat([before, run, run, after]);
  if (kind === "zeros" || kind === "ones")
    return Buffer.concat([before, run.map(() => (kind === "zeros" ? 0 : 0xff)), after]);
  const was = file[at] ?? 0;
  const is = kind === "byte" ? value : was ^ (1 << value);
  return Buffer.concat([before, Uint8Array.of(is), file.subarray(at + 1)]);
}
