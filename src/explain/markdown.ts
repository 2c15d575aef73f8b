import { hex } from "../elf/file.ts";
import { PAGE_SIZE } from "../elf/pages.ts";
import { type MappedPage, type MappedScenario, ORIGINS, type Origin, type PauseMap } from "./map.ts";

/** The map in words: tables of Markdown, which a terminal shows as well. What differs from kernel to kernel is not among it, so it is the same on every machine. */
export function mapTables(map: PauseMap): string {
  const { architecture, version, file, pages, scenarios } = map;
  const loaded = pages.filter(({ address }) => address !== null);
  const [usual] = scenarios;
  return [
    `pause ${version} for ${architecture}: ${file.bytes.toLocaleString("en-US")} bytes, ${loaded.length} pages in memory, SHA-256 \`${file.sha256}\`.`,
    "",
    ...table(
      ["address", "offset", "", "from", "what of it runs", "scenarios"],
      loaded.map((page) => pageRow(map, page)),
    ),
    "",
    ...table(
      [
        "scenario",
        "system calls",
        ...Object.values(INSTRUCTIONS).map((place) => `instructions in ${place}`),
        "pages touched",
      ],
      scenarios.map((scenario, index) => scenarioRow(map, scenario, index)),
    ),
    "",
    `The calls of the first scenario, in order: ${usual === undefined ? "none" : usual.calls.map(({ call, by }) => `\`${call}\` (${by})`).join(", ")}.`,
    "",
  ].join("\n");
}

/** Where instructions are, and the column that has them. */
const INSTRUCTIONS = {
  stub: "the stub",
  typescript: "TypeScript",
  "call-stubs": "call stubs",
  musl: "musl",
} as const satisfies Partial<Record<Origin, string>>;

const pageRow = ({ scenarios: all }: PauseMap, page: MappedPage) => [
  `\`${hex(page.address ?? 0)}\``,
  `\`${hex(page.offset)}\``,
  `\`${page.protection}\``,
  page.library === undefined
    ? ORIGINS[page.origin]
    : `\`${page.library.name}\` at ${hex(page.library.offset)}${page.library.same ? "" : ", changed"}`,
  inPage(page),
  page.scenarios.length === all.length ? "all" : `${page.scenarios.length} of ${all.length}`,
];

function inPage({ origin, functions }: MappedPage): string {
  if (origin !== "musl") return "";
  const running = functions.filter(({ runs }) => runs);
  const names =
    running.length === 0 ? "only what is not exported" : running.map(({ name }) => `\`${name}\``).join(", ");
  return `${names}; ${functions.length - running.length} functions beside`;
}

const scenarioRow = ({ pages }: PauseMap, { name, calls, instructions }: MappedScenario, index: number) => [
  name,
  `${calls.length}`,
  ...(Object.keys(INSTRUCTIONS) as (keyof typeof INSTRUCTIONS)[]).map((origin) => `${instructions[origin] ?? 0}`),
  `${pages.filter(({ scenarios }) => scenarios.includes(index)).length}`,
];

/** A table of Markdown. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);

/** How many bytes of the file come from where, in the order of the origins. */
export const bytesByOrigin = ({ pages }: PauseMap): readonly (readonly [Origin, number])[] =>
  (Object.keys(ORIGINS) as Origin[])
    .map((origin) => [origin, pages.filter((page) => page.origin === origin).length * PAGE_SIZE] as const)
    .filter(([, bytes]) => bytes > 0);
