import { describe, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { MEASUREMENTS } from "../../bench/measure/all.ts";
import { FULL } from "../../bench/plan.ts";
import { readResults } from "../../bench/results.ts";
import { figure } from "../../bench/samples.ts";
import profile from "../../deploy/seccomp.json";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { version } from "../../package.json";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { PINNED_BUN } from "../../src/build/pin/pin.ts";
import { PF_W, PF_X, PT_GNU_STACK, PT_LOAD } from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { Signal } from "../../src/pause/signals.ts";
import { SCENARIOS } from "../../src/snapshot/scenarios.ts";
import { flat, GENERATED, PAGES, prose, REPOSITORY, read } from "./pages.ts";

const WORDS = [
  "no",
  "one",
  "two",
  "three",
  "four",
  "five",
  "six",
  "seven",
  "eight",
  "nine",
  "ten",
  "eleven",
  "twelve",
  "thirteen",
];
const inWords = (count: number) => WORDS[count] ?? String(count);
const inEnglish = (count: number) => count.toLocaleString("en-US");

const dist = (name: string) => join(REPOSITORY, "dist", name);
const bytesOf = (name: string) => statSync(dist(name)).size;
const kilobytes = (name: string) => `${(bytesOf(name) / 1e3).toFixed(1)} kB`;
const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

const provenance: { snapshot: { pages: number; segments: number } } = JSON.parse(
  readFileSync(dist("provenance.json"), "utf8"),
);
const results = readResults(join(REPOSITORY, "bench/results.json"));
const median = (metric: string, peer: string) => figure(results.samples[metric]?.[peer] ?? []).median;

/**
 * The system calls of /pause: the profile's first group. test/runtimes/seccomp.test.ts compares that with what strace
 * sees.
 */
const CALLS = profile.syscalls[0]?.names ?? [];
/** Calls that do not return, cannot fail, or return the PID. */
const WITHOUT_OUTCOME = ["exit_group", "arch_prctl", "getpid"];

const [, ...kernels] = /^\| processor \| (.*) \|$/m.exec(read("docs/kernels.md"))?.[0].split(" | ") ?? [];
const kernel = (at: number) => /^\d+\.\d+/.exec(kernels.at(at) ?? "")?.[0];
const processors =
  read("docs/kernels.md")
    .split("Parameters of")[0]
    ?.match(/^\| (?!processor|---).*$/gm)?.length ?? 0;

/** Numbers of another test file: how often it does something on this system, and under emulation. */
const [, stops = "", emulatedStops = ""] =
  /count\((\d+_000), (\d+)\)/.exec(read("test/contract/conditions.test.ts")) ?? [];
const [, starts = 0, emulatedStarts = 0] = (
  /STARTS = count\((\d+), (\d+)\)/.exec(read("test/contract/conditions.test.ts")) ?? []
).map((digits) => 2 * Number(digits));
const times = (digits: string) => inEnglish(Number(digits.replaceAll("_", "")));

/** Statements of pages about what can be checked. */
const SAYINGS: readonly (readonly [page: string, says: string, by: string])[] = [
  ["README.md", `static file of ${kilobytes("pause")}`, "dist/pause"],
  ["docs/build.md", `dist/pause-dynamic ${megabytes(bytesOf("pause-dynamic"))}`, "dist/pause-dynamic"],
  ["docs/build.md", `dist/pause-static ${megabytes(bytesOf("pause-static"))}`, "dist/pause-static"],
  ["docs/build.md", `dist/pause ${kilobytes("pause")} `, "dist/pause"],
  ["docs/snapshot.md", `${provenance.snapshot.segments} program headers`, "dist/provenance.json"],
  ["docs/snapshot.md", `${provenance.snapshot.pages} pages of memory`, "dist/provenance.json"],
  ["docs/snapshot.md", `There are ${SCENARIOS.length} of them`, "src/snapshot/scenarios.ts"],
  [
    "docs/snapshot.md",
    `the result of each of ${inWords(CALLS.length - WITHOUT_OUTCOME.length)} system calls`,
    "deploy/seccomp.json",
  ],
  ["docs/snapshot.md", `${times(stops)} stops and continues`, "test/contract/conditions.test.ts"],
  [
    "docs/snapshot.md",
    `at the cost of ${megabytes(bytesOf("pause-static"))} and ${megabytes(median("anonymous, bytes", "pause-static"))} of private memory`,
    "dist/pause-static and bench/results.json",
  ],
  [
    "docs/design.md",
    `${megabytes(bytesOf("pause-static"))} of file, ${megabytes(median("anonymous, bytes", "pause-static"))} of private memory`,
    "dist/pause-static and bench/results.json",
  ],
  [
    "docs/security.md",
    `what ${inWords(CALLS.length - WITHOUT_OUTCOME.length)} other system calls return`,
    "deploy/seccomp.json",
  ],
  ["docs/security.md", `Of the system calls it needs ${inWords(CALLS.length)}:`, "deploy/seccomp.json"],
  ["docs/security.md", `${inEnglish(Math.max(...FULL.storms.map(([size]) => size)))} at once`, "bench/plan.ts"],
  [
    "docs/benchmarks.md",
    `storms of up to ${inEnglish(Math.max(...FULL.storms.map(([size]) => size)))} orphans`,
    "bench/plan.ts",
  ],
  [
    "docs/benchmarks.md",
    `memory of one and of up to ${Math.max(...FULL.crowds.map(([size]) => size))};`,
    "bench/plan.ts",
  ],
  ["docs/benchmarks.md", `${FULL.node[0]} pods of a node at once`, "bench/plan.ts"],
  ["docs/benchmarks.md", `one of the ${inWords(MEASUREMENTS.length)} parts`, "bench/measure/all.ts"],
  [
    "docs/emulation.md",
    `${times(emulatedStops)} stops instead of ${times(stops)}, ${inEnglish(emulatedStarts)} starts instead of ${inEnglish(starts)}`,
    "test/contract/conditions.test.ts",
  ],
  [
    "docs/node.md",
    `${(1 << (Signal.SIGCHLD - 1)).toString(16).padStart(16, "0")}: SIGCHLD is ignored`,
    "src/pause/signals.ts",
  ],
  [
    "CHANGELOG.md",
    `Kernels from ${kernel(0)} to ${kernel(-1)} and ${inWords(processors)} processors`,
    "docs/kernels.md",
  ],
  [
    "docs/contract.md",
    `with pages of ${X86_64.maxPageSize / 1024}, on arm64 also of 16 or ${AARCH64.maxPageSize / 1024} kB`,
    "src/arch",
  ],
];

describe("figures", () => {
  test.each(SAYINGS)("%s: %s", (page, says, by) => {
    const text = flat(read(page));
    if (text.includes(says)) return;
    // Either the sentence has other figures, or the page no longer says it.
    const pattern = new RegExp(
      says
        .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
        .replace(new RegExp(`[\\d,]+|\\b(?:${WORDS.join("|")})\\b`, "g"), "[\\w,]+"),
    );
    const said = pattern.exec(text)?.[0];
    expect(said ?? "nothing of the kind: change this test with the page", `${page}, by ${by}`).toBe(says);
  });

  test("each page that names a version names this one, and the pinned Bun", () => {
    const ours = [/localhost\/pause:(\d[\w.-]*\w)/g, /pause-(\d[\w.]*)\.tgz/g, /pause\.ts (\d+\.\d+\.\d+)/g];
    const files = [...PAGES.filter((page) => !GENERATED.includes(page)), "Dockerfile", ".github/workflows/ci.yml"];
    const found = (patterns: readonly RegExp[]) =>
      files.flatMap((file) =>
        patterns.flatMap((pattern) => [...read(file).matchAll(pattern)].map(([, named]) => `${file}: ${named}`)),
      );
    const [versions, buns] = [found(ours), found([/\bbun@(\d+\.\d+\.\d+)/g, /oven\/bun:(\d+\.\d+\.\d+)/g])];
    expect(versions.filter((named) => !named.endsWith(`: ${version}`))).toEqual([]);
    expect(buns.filter((named) => !named.endsWith(`: ${PINNED_BUN}`))).toEqual([]);
    expect([versions.length > 10, buns.length > 10]).toEqual([true, true]);
  });

  test("CHANGELOG.md has this version, with the unreleased changes above it", () => {
    expect([...read("CHANGELOG.md").matchAll(/^## \[?([^\]\s]+)/gm)].map(([, name]) => name).slice(0, 2)).toEqual([
      "Unreleased",
      version,
    ]);
  });
});

describe("the program's messages", () => {
  const main = read("src/pause/main.ts");
  const messages = [...main.matchAll(/\]: "([A-Z][^"]*)\\n"/g)].map(([, text = ""]) => text);
  const statuses = [
    ...new Set([...main.matchAll(/\bexit\((\d+)\)|\bstatus = (\d+)/g)].map(([, one, other]) => one ?? other ?? "")),
  ];

  test("are in the contract and in the manual page word for word, and no others are", () => {
    expect(messages.length).toBe(4);
    const page = read("docs/contract.md");
    for (const message of messages) expect(page).toContain(`\`${message}\``);
    expect(
      [...page.matchAll(/`((?:Warning|Error|Shutting down)\b[^`]*)`/g)].map(([, text = ""]) => text).toSorted(),
    ).toEqual(messages.toSorted());
    expect([...read("man/pause.8").matchAll(/^\.It "(.*)"$/gm)].map(([, text = ""]) => text).toSorted()).toEqual(
      messages.toSorted(),
    );
  });

  test("come with the exit statuses of the contract and of the manual page", () => {
    expect(statuses.toSorted()).toEqual(["0", "1", "2", "3", "42"]);
    expect(prose(read("docs/contract.md"))).toContain("exit 1, 2, 3; exit 42 with");
    const section = read("man/pause.8").split(".Sh EXIT STATUS")[1]?.split(".Sh ")[0] ?? "";
    expect([...section.matchAll(/^\.It (\d+)$/gm)].map(([, status]) => status)).toEqual(statuses.toSorted());
  });
});

testNeeding(NEEDS.otherArchitecture)(
  "docs/security.md: no segment of either file is both writable and executable, and there is no interpreter",
  () => {
    for (const { debian } of ARCHITECTURES) {
      const { segments } = new ElfFile(`${debian}/pause`, readFileSync(dist(`${debian}/pause`)));
      expect([...new Set(segments.map(({ type }) => type))].toSorted(), "the types of its program headers").toEqual([
        PT_LOAD,
        PT_GNU_STACK,
      ]);
      expect(segments.filter(({ flags }) => flags & PF_W && flags & PF_X)).toEqual([]);
    }
  },
);
