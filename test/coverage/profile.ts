import * as jsc from "bun:jsc";
import { afterAll } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Preloaded into each Bun process of a coverage run. At its end, reports which lines of src/ ran and which did not. */

/** Bun has it, but its types do not declare it. @throws for a file that was not loaded. */
const { codeCoverageForFile } = jsc as unknown as { codeCoverageForFile: (path: string) => string };

const { PAUSE_COVERAGE: folder } = process.env;
const project = join(import.meta.dir, "../..");

/** The profiler's rows for what this process loaded: "path | functions % | lines % | the lines that did not run". */
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
  // A process of bun test has no exit event, but its tests have an end.
  if (process.argv.includes("test") || Bun.main.endsWith(".test.ts")) afterAll(write);
  else process.on("exit", write);
}
