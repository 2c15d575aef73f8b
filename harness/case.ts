import { describe } from "bun:test";
import { type Artifact, artifacts, type Row } from "./artifacts.ts";
import { ROOT, testNeeding } from "./privilege.ts";

/** One case of the contract: the rows it shows, what it shows, and how. It throws when the artifact does not keep them. */
export type Case = {
  readonly rows: readonly Row[];
  readonly shows: string;
  readonly run: (artifact: Artifact) => Promise<void>;
};

/** Runs every case against every artifact that keeps its rows; namespaces and empty roots need root. */
export function contract(title: string, cases: readonly Case[]): void {
  for (const artifact of artifacts()) {
    describe(`${title}: ${artifact.name}`, () => {
      for (const { rows, shows, run } of cases) {
        if (!rows.every((row) => artifact.keeps.includes(row))) continue;
        testNeeding("root", ROOT)(`${rows.join(" ")}: ${shows}`, () => run(artifact));
      }
    });
  }
}
