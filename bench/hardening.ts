import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileWith, TEST_DIST } from "../harness/compile.ts";
import { version } from "../package.json";
import { AARCH64 } from "../src/arch/aarch64/architecture.ts";
import { ARCHITECTURES, HOST } from "../src/arch/architectures.ts";
import { ElfFile } from "../src/elf/file.ts";
import { callSiteTable } from "../src/explain/call-site-table.ts";
import { mapOf } from "../src/explain/files.ts";
import type { PauseMap } from "../src/explain/map.ts";
import { table } from "../src/explain/markdown.ts";
import { command } from "../src/support/command.ts";
import { UserError } from "../src/support/error.ts";
import type { Scope } from "../src/support/scope.ts";
import { type Exposure, exposureOf } from "./exposure.ts";
import { WORDS } from "./hardening-words.ts";
import { FLOOR, MUSL, peers, REFERENCE } from "./peers.ts";

const ROOT = join(import.meta.dir, "..");
const PAGE = "docs/hardening.md";

/** A program to compare ours with: its name in the table, and its file. */
type Executable = { readonly name: string; readonly path: string };

async function programs(): Promise<readonly Executable[]> {
  const { present } = await peers([MUSL, FLOOR]);
  const here = present.flatMap(({ name, command: [path] }) =>
    path === undefined ? [] : [{ name: `${name}, ${HOST?.debian}`, path }],
  );
  const ours = ARCHITECTURES.map(({ debian }) => ({
    name: `pause, ${debian}`,
    path: join(ROOT, "dist", debian, "pause"),
  }));
  const flags = ["-Os", "-static", "-s", `-DVERSION="${version}"`];
  const source = join(import.meta.dir, "peers", "upstream.c");
  const other = {
    name: `${REFERENCE}, ${AARCH64.debian}`,
    path: compileWith(`${AARCH64.gnuTriplet}-gcc`, join(TEST_DIST, AARCH64.debian, "C-as-upstream"), source, flags),
  };
  return [...ours, ...here, ...(HOST === AARCH64 ? [] : [other])];
}

/**
 * The different gadgets that ROPgadget finds at its own depth, 10 bytes. @throws UserError when it is missing or
 * silent.
 */
function gadgets(path: string): number {
  const { stdout, stderr } = said(["ROPgadget", "--binary", path]);
  const [, count] = /Unique gadgets found: (\d+)/.exec(stdout) ?? [];
  if (count === undefined)
    throw new UserError(
      `ROPgadget --binary ${path}: it prints no count (${stderr.trim().split("\n").at(-1)}); use version 7.2`,
    );
  return Number(count);
}

function said(command: readonly string[]) {
  if (Bun.which(command[0] ?? "") === null)
    throw new UserError("ROPgadget not found; on Debian: apt-get install python3-ropgadget");
  const { stdout, stderr } = Bun.spawnSync([...command]);
  return { stdout: stdout.toString(), stderr: stderr.toString() };
}

const number = (value: number) => value.toLocaleString("en-US");

const row = ({ name, path }: Executable, { bytes, executable, places, writableCode }: Exposure) => [
  name,
  number(bytes),
  number(executable),
  number(places),
  `${writableCode}`,
  number(gadgets(path)),
];

function section(map: PauseMap): readonly string[] {
  const run = map.callSites.filter(({ calls }) => calls.length > 0);
  return [
    `## ${map.architecture}`,
    "",
    `${map.callSites.length} places in executable pages enter the kernel; the scenarios run ${run.length} of them, and ${number(map.executedInstructions)} different instructions in all.`,
    "",
    ...callSiteTable(map),
    "",
  ];
}

async function page(run: Scope): Promise<string> {
  const all = await programs();
  const maps = await Promise.all(ARCHITECTURES.map(({ debian }) => mapOf(run, join(ROOT, "dist", debian, "pause"))));
  const rows = all.map((program) => row(program, exposureOf(new ElfFile(program.path, readFileSync(program.path)))));
  const tool =
    said(["ROPgadget", "--version"])
      .stdout.split("\n")
      .find((line) => line.startsWith("Version:"))
      ?.replace(/^Version:\s*ROPgadget\s*/, "")
      .trim() ?? "of unknown version";
  return [
    "# Hardening, measured",
    "",
    "For anyone who asks what an attacker could still use in the file. You get counts, the C programs' beside ours, and what",
    "they mean.",
    "",
    `Written by \`bun run hardening\` on ${new Date().toISOString().slice(0, 10)}: pause ${version} against the C programs of \`bench/peers/\`. Gadgets are`,
    `counted once each, as ROPgadget ${tool} finds them with its defaults. Places that enter the kernel are \`syscall\`, \`sysenter\``,
    "and `int 0x80` at any byte, and `svc` at any fourth byte, in executable segments.",
    "",
    ...table(
      [
        "program",
        "file, bytes",
        "executable, bytes",
        "places that enter the kernel",
        "segments written and executed",
        "gadgets",
      ],
      rows,
    ),
    "",
    WORDS,
    ...maps.flatMap(section),
  ].join("\n");
}

await command("hardening", async (run) => {
  writeFileSync(join(ROOT, PAGE), await page(run));
  console.log(`${PAGE}: written`);
});
