/** Compiles as bun-static does with its plugin: the output, then words as for bun build. Runs as a separate process. */
import { compileWithAddons } from "../../src/addons/compile.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { parseArguments } from "../../src/link/arguments.ts";
import { bundlerHelp } from "../../src/link/bundle.ts";

const [output = "", ...words] = process.argv.slice(2);
const args = parseArguments(words, bundlerHelp);
if (typeof args === "string") throw new Error(args);
await compileWithAddons(args.inputs, args.bundler, X86_64, X86_64.bunTarget, output);
