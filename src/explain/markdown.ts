import { hex } from "../elf/file.ts";
import { type MappedPart, type MappedScenario, ORIGINS, type Origin, type PauseMap } from "./map.ts";

/**
 * The map in words: Markdown tables, readable on a terminal too. They leave out what differs between kernels, so they
 * are the same on every machine.
 */
export function mapTables(map: PauseMap): string {
  const { architecture, version, file, parts, pages, scenarios } = map;
  const [usual] = scenarios;
  return [
    `pause ${version} for ${architecture}: ${file.bytes.toLocaleString("en-US")} bytes, ${pages.length} ` +
      `pages in memory, SHA-256 \`${file.sha256}\`.`,
    "",
    ...table(["address", "offset", "bytes", "permissions", "from", "what of it runs"], parts.map(partRow)),
    "",
    ...table(
      ["page", "permissions", "scenarios that touch it"],
      pages.map(({ address, protection, scenarios: some }) => [
        `\`${hex(address)}\``,
        `\`${protection}\``,
        some.length === scenarios.length ? "all" : `${some.length} of ${scenarios.length}`,
      ]),
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
    "The calls of the first scenario, in order: " +
      `${usual === undefined ? "none" : usual.calls.map(({ call, by }) => `\`${call}\` (${by})`).join(", ")}.`,
    "",
  ].join("\n");
}

/** The places of instructions, each with its column. */
const INSTRUCTIONS = {
  stub: "the stub",
  typescript: "TypeScript",
  "call-stubs": "call stubs",
  musl: "musl",
} as const satisfies Partial<Record<Origin, string>>;

const partRow = ({ address, offset, size, protection, origin, functions }: MappedPart) => [
  address === null ? "" : `\`${hex(address)}\``,
  offset === null ? "not in the file" : `\`${hex(offset)}\``,
  size.toLocaleString("en-US"),
  `\`${protection}\``,
  ORIGINS[origin],
  functions.map(({ name, runs }) => `\`${name}\`${runs ? "" : " (not run)"}`).join(", "),
];

const scenarioRow = ({ pages }: PauseMap, { name, calls, instructions }: MappedScenario, index: number) => [
  name,
  `${calls.length}`,
  ...(Object.keys(INSTRUCTIONS) as (keyof typeof INSTRUCTIONS)[]).map((origin) => `${instructions[origin] ?? 0}`),
  `${pages.filter(({ scenarios }) => scenarios.includes(index)).length}`,
];

/** Formats a table in Markdown. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);

/** How many bytes of the file each origin has, in the order of the origins. */
export const bytesByOrigin = ({ parts }: PauseMap): readonly (readonly [Origin, number])[] =>
  (Object.keys(ORIGINS) as Origin[])
    .map((origin) => {
      const own = parts.filter((part) => part.origin === origin && part.offset !== null);
      return [origin, own.reduce((bytes, { size }) => bytes + size, 0)] as const;
    })
    .filter(([, bytes]) => bytes > 0);
