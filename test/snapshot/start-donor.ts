import { join } from "node:path";
import { runStage } from "../../src/build/stage-program.ts";
import { libraryDirs } from "../../src/link/libraries.ts";
import { command } from "../../src/support/command.ts";

/** Prints the output of donor-memory.ts, started like the build's stages. Its argument: the donor's program as JSON. */
await command("start-donor", async (run, [json = ""]) => {
  const program = JSON.parse(json);
  const [memory] = await runStage(
    run,
    { machine: undefined, runtime: "", libraryDirs },
    {
      source: join(import.meta.dir, "donor-memory.ts"),
      input: program.path,
      results: ["memory"],
      args: (path, results) => [JSON.stringify({ ...program, path }), ...results],
    },
  );
  console.log(JSON.parse(`${memory}`).join("\n"));
});
