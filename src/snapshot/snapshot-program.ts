import { runAsProgram } from "./as-program.ts";
import { takeSnapshot } from "./snapshot.ts";

/**
 * The stage as a separate program, because waiting for a tracee blocks a process, and an emulated machine has nothing
 * else of the build. Its arguments: the donor's program as JSON, the file to write, and the file for the stage's return
 * value as JSON.
 */
const [program = "", output = "", result = ""] = process.argv.slice(2);
runAsProgram(result, () => takeSnapshot(JSON.parse(program), output));
