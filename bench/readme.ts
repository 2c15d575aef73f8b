import { join } from "node:path";
import { withMarked, writeMarked } from "../harness/marks.ts";
import { command } from "../src/support/command.ts";
import { writeFleet } from "./fleet.ts";
import { headlines } from "./headlines.ts";
import { type Results, readResults } from "./results.ts";

const README = join(import.meta.dir, "..", "README.md");
const MARK = "bench";

/** Returns `readme` with the table of `results` between its two marks. @throws Error when it has no such marks. */
export const withHeadlines = (readme: string, results: Results): string => withMarked(readme, MARK, headlines(results));

if (import.meta.main)
  await command("bench:readme", async () => {
    const results = readResults(join(import.meta.dir, "results.json"));
    writeMarked(README, MARK, headlines(results));
    writeFleet(results);
  });
