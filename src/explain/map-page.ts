import type { PauseMap } from "./map.ts";
import { mapTables } from "./markdown.ts";

export const PICTURE = "map.svg";

/** docs/map.md. */
export const page = (maps: readonly PauseMap[]): string =>
  [
    "# The map of the file",
    "",
    "For anyone who asks what is in the file. You get each part with its origin, and what each scenario runs " +
      "and touches.",
    "",
    "`bun run explain --page` writes this page from the file itself: its headers, the C library's archive, " +
      "and runs of it,",
    "instruction by instruction. `bun run explain` prints the same. It also writes it as JSON beside the file",
    "(`pause.map.json`), with each call's arguments, each function, and the page faults on the machine it ran on;",
    "`src/explain/map.ts` explains the fields. `bun run explain FILE` prints the map of a file that this " +
      "checkout built, and",
    "refuses any other file.",
    "",
    `![What each file is made of, by where it comes from](${PICTURE})`,
    "",
    "Each touched page costs at most one page fault, because the kernel maps neighbouring pages of the file with one.",
    "The build runs [many scenarios](snapshot.md); the ones here are one for each way through the program.",
    "",
    ...maps.flatMap((map) => [`## ${map.architecture}`, "", mapTables(map)]),
  ].join("\n");
