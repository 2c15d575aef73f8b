import { runAsProgram } from "../snapshot/as-program.ts";
import { trace } from "./trace.ts";

/** The tracing as a program of its own. Its arguments: the file, and where to write what was seen of it, as JSON. */
const [file = "", result = ""] = process.argv.slice(2);
runAsProgram(result, () => trace(file));
