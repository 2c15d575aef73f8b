import * as jsc from "bun:jsc";
import { afterAll } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Preloaded into each Bun process of a run under coverage: says at its end which lines of src/ ran and which did not.
 */

/** Bun has it, and its types do not tell of it. @throws for a file that was not loaded. */
const { codeCoverageForFile } = jsc as unknown as { codeCoverageForFile: (path: string) => string };

const { PAUSE_COVERAGE: folder } = process.env;
const project = join(import.meta.dir, "../..");

/**
 * The rows of the profiler for what this process loaded: "path | functions % | lines % | the lines that did not run".
 */
function rows(): readonly string[] {
  return [...new Bun.Glob("src/**/*.ts").scanSync(project)].flatMap((file) => {
    try {
      const lines = codeCoverageForFile(join(project, file)).split("|").at(-1)?.trim() ?? "";
      return [`${file} ${lines}`];
    } catch {
      return []; // not loaded here
    }
  });
}

if (folder !== undefined) {
  const write = () => writeFileSync(join(folder, `${process.pid}-${performance.now()}`), rows().join("\n"));
  // A process of bun test has no exit event, but an end of its tests.
  if (process.argv.includes("test") || Bun.main.endsWith(".test.ts")) afterAll(write);
  else process.on("exit", write);
}
