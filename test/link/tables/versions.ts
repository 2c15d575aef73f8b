import { join } from "node:path";
import { compiledBy, rootFor, runAlone, succeed } from "../others.ts";
import { table } from "./measure.ts";
import { linkWith, type Suite } from "./suites.ts";

/** The first and last version of each line, and those where something changed. */
const VERSIONS = [
  "1.2.0",
  "1.2.10",
  "1.2.23",
  "1.3.0",
  "1.3.10",
  "1.3.11",
  "1.3.12",
  "1.3.13",
  "1.3.14",
  "1.4.0",
  "1.4.2",
  "1.4.3",
  "1.4.5",
];

/** A program of each Bun, with the libraries of each release. */
export function versionsTable(suites: readonly Suite[], folder: string): string {
  const rows = VERSIONS.map((version) => {
    console.log(`Bun ${version}`);
    const compiled = compiledBy(version);
    return [version, ...suites.map((suite) => tried(compiled, join(folder, "hello"), suite))];
  });
  return table(["Bun", ...suites.map(({ title }) => title)], rows);
}

function tried(compiled: string, output: string, suite: Suite): string {
  const refused = linkWith(compiled, output, suite);
  if (refused !== undefined) return refused;
  const { exitCode, stdout } = runAlone(rootFor("tables", output, ["urandom"]), ["a"]);
  succeed(["rm", output], "/");
  return exitCode === 0 && stdout === "hello a 2 served\n" ? "runs" : `exits with ${exitCode}`;
}
