import type { PauseMap } from "./map.ts";
import { mapTables } from "./markdown.ts";

export const PICTURE = "map.svg";

/** docs/map.md. */
export const page = (maps: readonly PauseMap[]): string =>
  [
    "# The map of the file",
    "",
    "Written by `bun run explain --page`, from the file itself: the program headers, the symbols of the libraries it was linked",
    "with, and runs of it, instruction by instruction. `bun run explain` prints the same, and writes it as JSON beside the file",
    "(`pause.map.json`; its fields are told in `src/explain/map.ts`), with each call's arguments, each function of a page, and",
    "the page faults on the machine it ran on. `bun run explain FILE` prints it of a file that this checkout built, and refuses any other.",
    "",
    `![The pages of each file by where they come from](${PICTURE})`,
    "",
    "A page touched costs a page fault at most, and one more where it is read before it is written; the kernel maps pages of",
    "the file that lie side by side with one fault. Squares without an address are there for kernels with larger pages.",
    "The scenarios here are one for each way through the program, of those that the build runs ([the snapshot](snapshot.md)).",
    "",
    ...maps.flatMap((map) => [`## ${map.architecture}`, "", mapTables(map)]),
  ].join("\n");
