import type { PauseMap } from "./map.ts";
import { mapTables } from "./markdown.ts";

export const PICTURE = "map.svg";

/** docs/map.md. */
export const page = (maps: readonly PauseMap[]): string =>
  [
    "# The map of the file",
    "",
    "`bun run explain --page` writes this page from the file itself: its headers, the C library's archive, " +
      "and runs of it,",
    "instruction by instruction. `bun run explain` prints the same, and writes it as JSON beside " +
      "the file (`pause.map.json`;",
    "`src/explain/map.ts` tells of its fields), with each call's arguments, each function, and " +
      "the page faults on the machine",
    "it ran on. `bun run explain FILE` prints it of a file that this checkout built, and refuses any other.",
    "",
    `![What each file is made of, by where it comes from](${PICTURE})`,
    "",
    "A page touched costs a page fault at most; the kernel maps pages of the file that lie side by side " +
      "with one fault. The",
    "scenarios here are one for each way through the program, of those that " +
      "the build runs ([the snapshot](snapshot.md)).",
    "",
    ...maps.flatMap((map) => [`## ${map.architecture}`, "", mapTables(map)]),
  ].join("\n");
