import { describe } from "bun:test";
import { type Artifact, artifacts, type Row } from "./artifacts.ts";
import { IN_GUEST } from "./place.ts";
import { NEEDS, type Need, program, testNeeding } from "./privilege.ts";

/** One case of the contract: the rows it covers, its name, and the test, which throws when the artifact breaks them. */
export type Case = {
  readonly rows: readonly Row[];
  readonly shows: string;
  /** Its needs besides namespaces and the stage's compiler. */
  readonly needs?: readonly Need[];
  readonly run: (artifact: Artifact) => Promise<void>;
};

/** An emulated machine has no compiler, but gets the compiled programs. */
const STAGE_NEEDS: readonly Need[] = IN_GUEST ? [] : [NEEDS.namespaces, NEEDS.accounts, program("gcc")];

/** What a case may take on a busy machine, ms: one stops and continues its artifact 100,000 times. */
const LIMIT = 5 * 60_000;

/** Runs every case against every artifact that must keep its rows. */
export function contract(title: string, cases: readonly Case[]): void {
  for (const artifact of artifacts()) {
    describe(`${title}: ${artifact.name}`, () => {
      for (const { rows, shows, needs = [], run } of cases) {
        if (!rows.every((row) => artifact.keeps.includes(row))) continue;
        testNeeding(...STAGE_NEEDS, ...needs)(`${rows.join(" ")}: ${shows}`, () => run(artifact), LIMIT);
      }
    });
  }
}
