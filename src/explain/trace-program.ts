import { runAsProgram } from "../snapshot/as-program.ts";
import { trace } from "./trace.ts";

/** The tracing as a separate program. Its arguments: the file, and where to write the observations as JSON. */
const [file = "", result = ""] = process.argv.slice(2);
runAsProgram(result, () => trace(file));
