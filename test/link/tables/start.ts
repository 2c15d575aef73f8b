import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { libraryFolder } from "../../../harness/artifacts.ts";
import { X86_64 } from "../../../src/arch/x86-64/architecture.ts";
import { bunStatic, succeed } from "../others.ts";
import { columns, cost, forget, inTurn, megabytes, ratio, spread, table } from "./measure.ts";

/** Starts with the file in the page cache, and from the disk. */
const WARM = 40;
const COLD = 10;
/** Starts whose memory is looked at. */
const LOOKS = 5;

/** Fields of /proc/PID/smaps_rollup, proc_pid_smaps(5), and what they count. */
const FIELDS = {
  Rss: "resident",
  Pss: "resident, shared pages by share",
  Private_Dirty: "of these, written by the process",
  Private_Clean: "of these, pages of files that no other process maps",
  FilePmdMapped: "of these, pages of files that the kernel maps 2 MB at a time",
} as const;
type Field = keyof typeof FIELDS;
const ALL_FIELDS = Object.keys(FIELDS) as Field[];

/** How long a program takes that does nothing, or one that prints a line. */
export async function startTable(folder: string): Promise<string> {
  const nothing = build(folder, "nothing", "export {};");
  const line = build(folder, "line", 'console.log("up");\nsetInterval(() => {}, 100_000);');
  const times = (file: string) => cost({ command: [file], env: environment }).time;
  const environment = { LD_LIBRARY_PATH: libraryFolder() };
  for (const file of [...Object.values(nothing), ...Object.values(line)]) forget(file);
  for (const file of Object.values(nothing)) times(file);
  const warm = await inTurn(
    WARM,
    () => times(nothing.unlinked),
    () => times(nothing.linked),
  );
  const first = await inTurn(
    WARM,
    () => untilOutput(line.unlinked),
    () => untilOutput(line.linked),
  );
  const fromDisk = (file: string) => {
    forget(file);
    return times(file);
  };
  const cold = await inTurn(
    COLD,
    () => fromDisk(nothing.unlinked),
    () => fromDisk(nothing.linked),
  );
  return table(
    ["start", "unlinked", "linked", "linked / unlinked"],
    [
      ["a program that does nothing, start to exit", ...columns(warm, inMs), ratio(warm)],
      ["a program that prints a line, start to first byte", ...columns(first, inMs), ratio(first)],
      ["a program that does nothing, its file read from the disk", ...columns(cold, inMs), ratio(cold)],
    ],
  );
}

const inMs = (values: readonly number[]) => spread(values, "ms", 1);

/** What an idle program holds of memory: as its pages come in one by one, and when the whole file was read before. */
export async function memoryTable(folder: string): Promise<string> {
  const { unlinked, linked } = build(folder, "idle", 'console.log("up");\nsetInterval(() => {}, 100_000);');
  for (const file of [unlinked, linked]) forget(file);
  const singly = await inTurn(
    LOOKS,
    () => memoryOf(unlinked),
    () => memoryOf(linked),
  );
  for (const file of [unlinked, linked]) {
    forget(file);
    readFileSync(file);
  }
  const whole = await inTurn(
    LOOKS,
    () => memoryOf(unlinked),
    () => memoryOf(linked),
  );
  const shown = (field: Field) => (looks: readonly Record<Field, number>[]) =>
    megabytes(looks.map((look) => look[field]));
  return table(
    ["memory of an idle program", "unlinked", "linked", "unlinked, file read before", "linked, file read before"],
    ALL_FIELDS.map((field) => [
      `${FIELDS[field]} (${field})`,
      ...columns(singly, shown(field)),
      ...columns(whole, shown(field)),
    ]),
  );
}

function build(folder: string, name: string, text: string): { readonly unlinked: string; readonly linked: string } {
  const [source, unlinked, linked] = [`${name}.ts`, `${name}-unlinked`, `${name}-linked`].map((each) =>
    join(folder, each),
  ) as [string, string, string];
  writeFileSync(source, text);
  succeed(
    [process.execPath, "build", "--compile", `--target=${X86_64.bunTarget}`, source, "--outfile", unlinked],
    folder,
  );
  bunStatic([unlinked, "-o", linked], folder);
  return { unlinked, linked };
}

/** Starts a program that prints a line and waits. */
function started(file: string) {
  const env = { LD_LIBRARY_PATH: libraryFolder() };
  return Bun.spawn([file], { env, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
}

async function untilOutput(file: string): Promise<number> {
  const start = Bun.nanoseconds();
  await using program = started(file);
  await program.stdout.getReader().read();
  const time = (Bun.nanoseconds() - start) / 1e6;
  program.kill("SIGKILL");
  await program.exited;
  return time;
}

/** The fields in bytes, half a second after the program printed its line. */
async function memoryOf(file: string): Promise<Record<Field, number>> {
  await using program = started(file);
  await program.stdout.getReader().read();
  await Bun.sleep(500);
  const text = readFileSync(`/proc/${program.pid}/smaps_rollup`, "utf8");
  program.kill("SIGKILL");
  await program.exited;
  const kilobytes = (field: Field) => Number(new RegExp(`^${field}: +(\\d+) kB`, "m").exec(text)?.[1]);
  return Object.fromEntries(ALL_FIELDS.map((field) => [field, kilobytes(field) * 1024])) as Record<Field, number>;
}
