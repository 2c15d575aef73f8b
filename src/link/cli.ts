import { parseArgs } from "node:util";
import { ARCHITECTURES } from "../arch/architectures.ts";
import { ElfError } from "../elf/file.ts";
import type { EntryOptions } from "./entry.ts";
import { LinkError } from "./error.ts";
import { readInput, writeExecutable } from "./file.ts";
import { libraryDirs } from "./libraries.ts";
import { link } from "./link.ts";

const HELP = `Makes one static file of a Bun executable: no interpreter, no library to look for.

Usage: bun run link INPUT OUTPUT [options]

  INPUT   what "bun build --compile --target=TARGET" wrote; TARGET is ${ARCHITECTURES.map(({ bunTarget }) => bunTarget).join(" or ")}
  OUTPUT  the file to write

Options:
  --library-dir DIR    look for libstdc++.so.6, libgcc_s.so.1 and musl's loader in DIR first (may be repeated); then in
${ARCHITECTURES.map((architecture) => `                         ${libraryDirs(architecture).join(", ")} (${architecture.name})`).join("\n")}
  --block-signals      start with SIGINT and SIGTERM blocked (for a program that takes them with sigwait)
  --fill-descriptors   open the root directory where stdin, stdout or stderr is closed (the runtime would need /dev/null)
  --empty-environment  make every environment variable empty before the runtime sees it
  --own-stack          run on a stack of 1 MiB at the fixed address 4 GiB
  --hide-vdso          hide the kernel's vdso from the program
  --help               print this
`;

/** Says what is wrong in one line and ends with 1; what is thrown besides is a bug and keeps its stack trace. */
function main(args: string[]): void {
  try {
    run(args);
  } catch (error) {
    const expected = error instanceof LinkError || error instanceof ElfError;
    if (!expected) throw error;
    console.error(`link: ${error.message}`);
    process.exitCode = 1;
  }
}

function run(args: string[]): void {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const [input, output, extra] = positionals;
  if (input === undefined || output === undefined || extra !== undefined) {
    throw new LinkError(`found ${positionals.length} file names where INPUT and OUTPUT are expected; see bun run link --help`);
  }
  const options: EntryOptions = {
    blockSignals: values["block-signals"],
    fillDescriptors: values["fill-descriptors"],
    emptyEnvironment: values["empty-environment"],
    ownStack: values["own-stack"],
    hideVdso: values["hide-vdso"],
  };
  const { bytes, libraries } = link(input, readInput(input), (architecture) => [...values["library-dir"], ...libraryDirs(architecture)], options);
  writeExecutable(output, bytes);
  console.log(`${output}: ${bytes.length} bytes, with ${libraries.join(", ")}`);
}

function parse(args: string[]) {
  const off = { type: "boolean", default: false } as const;
  const options = {
    help: off,
    "library-dir": { type: "string", multiple: true, default: [] as string[] },
    "block-signals": off,
    "fill-descriptors": off,
    "empty-environment": off,
    "own-stack": off,
    "hide-vdso": off,
  } as const;
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new LinkError(`${error instanceof Error ? error.message : String(error)}; see bun run link --help`);
  }
}

main(process.argv.slice(2));
