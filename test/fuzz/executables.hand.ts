/**
 * Executables of several Buns, and the libraries of three Debian releases, each with damaged headers and tables. Only
 * `bun run fuzz executables` runs this: it downloads all of them, and takes seconds for each input.
 */
import { expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import fc from "fast-check";
import { compileWith, TEST_DIST } from "../../harness/compile.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import * as elf from "../../src/elf/constants.ts";
import { readDynamic } from "../../src/elf/dynamic.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { findAddons } from "../../src/link/addons.ts";
import { writeExecutable } from "../../src/link/file.ts";
import { CXX_LIBRARIES } from "../../src/link/libraries.ts";
import { link } from "../../src/link/link.ts";
import { compiledBy, librariesOf, rootFor } from "../link/others.ts";
import { lineOr, property } from "./property.ts";

/** Buns that differ in where the program is, or in how the executable is laid out. Older ones need a newer libstdc++. */
const PAIRS = [
  ["1.2.23", "trixie"],
  ["1.3.10", "sid"],
  ["1.3.13", "bookworm"],
  ["1.3.14", "trixie"],
  ["1.4.5", "bookworm"],
  ["1.4.5", "sid"],
] as const;
const EXPECTED = "hello  2 served\n";
/** A damaged program may hang, s. */
const PATIENCE = 20;
const FOLDER = join(TEST_DIST, "fuzz-executables");
const SONAMES = [...CXX_LIBRARIES, X86_64.muslLoader];

/** The executable, then its libraries, each with the areas to damage. */
type Subject = { readonly name: string; readonly bytes: Uint8Array<ArrayBuffer>; readonly areas: readonly Area[] };
type Area = readonly [start: number, size: number];
type Case = { readonly version: string; readonly suite: string; readonly subjects: readonly Subject[] };

const cases: Case[] = [];
for (const [version, suite] of PAIRS) {
  const folders = (await librariesOf(suite)).filter((word) => !word.startsWith("--"));
  const paths = SONAMES.map((name) => folders.map((folder) => join(folder, name)).find((path) => existsSync(path)));
  const subjects = [compiledBy(version), ...paths].map((path = "") => subject(path));
  cases.push({ version, suite, subjects });
}

function subject(path: string): Subject {
  const bytes = new Uint8Array(readFileSync(path));
  return { name: basename(path), bytes, areas: areasOf(new ElfFile(path, bytes)) };
}

/** The ELF header with the program headers, the dynamic section, and the tables that it names. */
function areasOf(file: ElfFile): readonly Area[] {
  const { tags, symbols } = readDynamic(file);
  const [{ offset, filesz } = { offset: 0, filesz: 0 }] = file.segmentsOf(elf.PT_DYNAMIC);
  const [tls] = file.segmentsOf(elf.PT_TLS);
  const table = (tag: number, size: number): Area[] => {
    const at = tags.get(tag);
    return at === undefined || size === 0 ? [] : [[file.offsetOf(at, 1), size]];
  };
  return [
    [0, elf.EHDR_SIZE],
    [elf.EHDR_SIZE, file.segments.length * elf.PHDR_SIZE],
    [offset, filesz],
    ...table(elf.DT_SYMTAB, symbols.length * elf.SYM_SIZE),
    ...table(elf.DT_RELA, tags.get(elf.DT_RELASZ) ?? 0),
    ...table(elf.DT_JMPREL, tags.get(elf.DT_PLTRELSZ) ?? 0),
    ...table(elf.DT_GNU_HASH, 0x400),
    ...table(elf.DT_VERSYM, symbols.length * 2),
    ...table(elf.DT_VERNEED, 0x200),
    ...table(elf.DT_STRTAB, tags.get(elf.DT_STRSZ) ?? 0),
    ...table(elf.DT_INIT_ARRAY, tags.get(elf.DT_INIT_ARRAYSZ) ?? 0),
    ...(tls === undefined ? [] : [[tls.offset, tls.filesz] as const]),
  ];
}

/** Bytes of one edit: the number of its area, its place there (3 bytes), and the new value. */
const EDIT = 5;
const edit = fc.tuple(fc.nat(255), fc.nat(0xff_ffff), fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x80, 0xff)));
/** Which pair, which of its files, and the edits. */
const inputs = fc
  .tuple(fc.nat(255), fc.nat(255), fc.array(edit, { minLength: 1, maxLength: 4 }))
  .map(([pair, file, edits]) =>
    Uint8Array.from([
      ...[pair, file],
      ...edits.flatMap(([area, place, value]) => [area, place >> 16, (place >> 8) & 255, place & 255, value]),
    ]),
  );

/** The pair that an input names, and its files, one of which is damaged. */
function damagedFiles(input: Uint8Array): {
  readonly pair: Case;
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
} {
  const [first = 0, second = 0] = input;
  const pair = cases[first % cases.length];
  const chosen = pair?.subjects[second % pair.subjects.length];
  if (pair === undefined || chosen === undefined) throw new Error("no pair");
  const copy = new Uint8Array(chosen.bytes);
  for (let at = 2; at + EDIT <= input.length; at += EDIT) {
    const [area = 0, high = 0, middle = 0, low = 0, value = 0] = input.subarray(at, at + EDIT);
    const [start, size] = chosen.areas[area % chosen.areas.length] ?? [0, 1];
    copy[start + (((high << 16) | (middle << 8) | low) % size)] = value;
  }
  const files = pair.subjects.map(({ name, bytes }): [string, Uint8Array<ArrayBuffer>] => [name, bytes]);
  return { pair, files: new Map([...files, [chosen.name, copy]]) };
}

/** Links it, with the libraries in a folder of their own. Returns the output, or the linker's line. */
function linked(pair: Case, files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): string | undefined {
  const program = files.get(pair.subjects[0]?.name ?? "");
  if (program === undefined) throw new Error("no program");
  const folder = join(FOLDER, "libraries");
  mkdirSync(folder, { recursive: true });
  for (const name of SONAMES) writeFileSync(join(folder, name), files.get(name) ?? new Uint8Array());
  const output = join(FOLDER, "linked");
  const line = lineOr(() => {
    const made = link("input", new Uint8Array(program), () => [folder], {});
    findAddons(made, true);
    writeExecutable(output, made.bytes);
  });
  return typeof line === "string" ? line : undefined;
}

const ENVIRONMENT = { PATH: process.env.PATH ?? "" };

/** The output of /program in `root`; what it ended with if that is not 0. */
function outputIn(root: string): string {
  const inside = 'ip link set lo up; exec chroot "$0" /program';
  const command = ["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", inside, root];
  // unshare ignores SIGTERM while its child runs.
  const limit = { timeout: PATIENCE * 1000, killSignal: "SIGKILL" } as const;
  const options = { env: ENVIRONMENT, ...limit, stdin: "ignore" } as const;
  const { exitCode, signalCode, stdout } = Bun.spawnSync(command, { ...options, maxBuffer: 1 << 20 });
  return exitCode === 0 ? stdout.toString() : `ended with ${exitCode ?? signalCode}`;
}

/** In place of glibc's loader, which Debian's libstdc++ needs by name: what musl lacks, enough for this program. */
function standIn(): string {
  const names = [
    ...["__strftime_l", "__cxa_thread_atexit_impl", "arc4random", "__isoc23_strtoul", "strfromf128", "strtof128"],
    ...["_dl_find_object", "__cpu_indicator_init"],
  ];
  const source = join(FOLDER, "stand-in.c");
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(
    source,
    `${names.map((name) => `int ${name}(void) { return 0; }`).join("\n")}\nchar __libc_single_threaded, __cpu_model[16];\n`,
  );
  return compileWith("gcc", join(FOLDER, "stand-in.so"), source, ["-shared", "-fPIC", "-fno-builtin", "-nostdlib"]);
}

/** Runs the unlinked program with its libraries, by musl's own loader. */
function unlinkedOutput(pair: Case, files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): string {
  const program = join(FOLDER, "unlinked");
  writeExecutable(program, files.get(pair.subjects[0]?.name ?? "") ?? new Uint8Array());
  const root = rootFor("fuzz-unlinked", program, ["urandom"]);
  mkdirSync(join(root, "lib"));
  for (const name of SONAMES) writeExecutable(join(root, "lib", name), files.get(name) ?? new Uint8Array());
  copyFileSync(standIn(), join(root, "lib", "ld-linux-x86-64.so.2"));
  const output = outputIn(root);
  rmSync(root, { recursive: true, force: true });
  return output;
}

/** Undamaged, each pair runs unlinked and linked. Otherwise the properties below would find nothing. */
for (const [index, { version, suite }] of cases.entries())
  test(`Bun ${version} with the libraries of ${suite}, undamaged`, () => {
    const { pair, files } = damagedFiles(Uint8Array.of(index, 0));
    expect(linked(pair, files)).toBeUndefined();
    expect(outputIn(rootFor("fuzz-linked", join(FOLDER, "linked"), ["urandom"]))).toBe(EXPECTED);
    expect(unlinkedOutput(pair, files)).toBe(EXPECTED);
  }, 120_000);

/** Whatever links must run, unless musl's own loader could not run it either. */
property("executables", inputs, (input) => {
  const { pair, files } = damagedFiles(input);
  if (linked(pair, files) !== undefined) return;
  const after = outputIn(rootFor("fuzz-linked", join(FOLDER, "linked"), ["urandom"]));
  if (after !== EXPECTED) expect(after).toBe(unlinkedOutput(pair, files) === EXPECTED ? EXPECTED : after);
});

/** Damage that a linker has to see, whether or not the program gets there: for each kind, what it changes. */
const CERTAIN: readonly ((file: ElfFile, place: number) => void)[] = [
  function unknownRelocation(file, place) {
    const { relocations } = readDynamic(file);
    file.view.setUint32((relocations[place % relocations.length]?.at ?? 0) + 8, 200 + (place % 50), true);
  },
  function relocationOutside(file, place) {
    const { relocations } = readDynamic(file);
    const { at = 0 } = relocations[place % relocations.length] ?? {};
    file.view.setBigUint64(at, BigInt(file.end + 4096 + place), true);
  },
  function segmentOutside(file, place) {
    const index = file.segments.findIndex(({ type, filesz }) => type === elf.PT_LOAD && filesz > 0);
    file.view.setBigUint64(elf.EHDR_SIZE + index * elf.PHDR_SIZE + 32, BigInt(file.bytes.length + 1 + place), true);
  },
  function entryOutside(file, place) {
    file.view.setBigUint64(24, BigInt(file.end + place), true);
  },
];

/** Which pair, which of its files, what, and where. */
const certain = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(0xffff));
property(
  "executables-refused",
  certain.map(([pair, file, what, place]) => Uint8Array.of(pair, file, what, place >> 8, place & 255)),
  ([first = 0, second = 0, what = 0, high = 0, low = 0]) => {
    const { pair, files } = damagedFiles(Uint8Array.of(first, second));
    const subject = pair.subjects[second % pair.subjects.length];
    const change = CERTAIN[what % CERTAIN.length];
    // Only the program's entry matters. musl relocates itself when the program starts.
    const isProgram = subject === pair.subjects[0];
    if (subject === undefined || change === undefined || (what % CERTAIN.length === 3 && !isProgram)) return;
    const copy = new Uint8Array(subject.bytes);
    change(new ElfFile(subject.name, copy), (high << 8) | low);
    expect({ what: change.name, line: linked(pair, new Map([...files, [subject.name, copy]])) }).toEqual({
      what: change.name,
      line: expect.any(String),
    });
  },
);
