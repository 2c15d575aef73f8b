import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildReference } from "../../harness/reference.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { EHDR_SIZE, PHDR_SIZE } from "../../src/elf/constants.ts";
import { ElfFile, hex } from "../../src/elf/file.ts";
import { FORMAT, type MappedPart, type PauseMap } from "../../src/explain/map.ts";
import type { Claim, Provenance } from "../../src/ship/verify/claims.ts";
import { compare } from "../../src/ship/verify/compare.ts";
import { type Checkout, type Evidence, possibleCauses } from "../../src/ship/verify/possible-causes.ts";
import {
  describeHeaders,
  describeOther,
  describePages,
  describeSame,
  isAnotherProgram,
} from "../../src/ship/verify/report.ts";
import { sha256 } from "../../src/support/hash.ts";
import { REPOSITORY } from "../docs/pages.ts";

const BUILT = readFileSync(join(REPOSITORY, "dist", "amd64", "pause"));
const [HERE, THERE] = ["1".repeat(40), "2".repeat(40)];
const CLEAN: Checkout = { commit: HERE, changes: [] };

const REBUILT: Provenance = {
  ...{ source: "rebuilt", commit: HERE, changed: false, architecture: "amd64", artifacts: [], others: [] },
  runtime: "a1",
  libraries: new Map([
    ["libc.so", "b1"],
    ["libstdc++.so.6", "b2"],
  ]),
};
const PROVENANCE: Claim = {
  source: "provenance.json",
  commit: HERE,
  changed: false,
  runtime: REBUILT.runtime,
  libraries: REBUILT.libraries,
};
const evidence = (change: Partial<Evidence>): Evidence => ({
  claims: [PROVENANCE],
  unused: undefined,
  checkout: CLEAN,
  rebuilt: REBUILT,
  ...change,
});
const said = (change: Partial<Evidence>) => possibleCauses(X86_64, evidence(change));

const given = (bytes: Uint8Array) => ({ name: "FILE", architecture: X86_64, bytes, label: undefined });
/** The built file with a different byte at each of these offsets. */
const changed = (...offsets: readonly number[]) =>
  offsets.reduce((bytes, at) => bytes.fill((bytes[at] ?? 0) ^ 0xff, at, at + 1), Buffer.from(BUILT));

describe("the possible cause", () => {
  test("is another commit, by provenance or by a label, with what to do", () => {
    const line = (source: string) =>
      `commit: ${source} says ${THERE}, but this checkout is ${HERE}; git checkout ${THERE}, and verify again`;
    expect(said({ claims: [{ ...PROVENANCE, commit: THERE }] })).toEqual([line("provenance.json")]);
    expect(said({ claims: [{ source: "the label", commit: THERE }, PROVENANCE] })).toEqual([line("the label")]);
  });

  test("is a checkout with changes, there or here, or one without git", () => {
    expect(said({ claims: [{ ...PROVENANCE, changed: true }] })).toEqual([
      "commit: provenance.json says that it was built with changes on that commit, which only its builder has",
    ]);
    expect(said({ checkout: { commit: HERE, changes: ["a", "b", "c", "d", "e"] } })).toEqual([
      "checkout: it has changes (a, b, c and 2 more), so the rebuild is of no commit; git stash --include-untracked, and verify again",
    ]);
    expect(said({ claims: [{ ...PROVENANCE, commit: null }] })).toEqual([
      "commit: provenance.json says that it was built where git knew no commit, so its sources are not known",
    ]);
    const without = said({ checkout: { commit: null, changes: null } });
    expect(without).toEqual([
      `commit: provenance.json says ${HERE}, but this checkout is not of a known one; git checkout ${HERE}, and verify again`,
      "checkout: git does not know its commit, so the rebuild's is not known either; verify in a clone of the repository",
    ]);
  });

  test("is another runtime, and each other library, on either side", () => {
    const libraries = new Map([
      ["libstdc++.so.6", "c2"],
      ["libother.so", "c3"],
    ]);
    expect(said({ claims: [{ ...PROVENANCE, runtime: "a2", libraries }] })).toEqual([
      "runtime: provenance.json says SHA-256 a2, but the pinned one is a1",
      "library libc.so: provenance.json has none, but the rebuild has SHA-256 b1",
      "library libstdc++.so.6: provenance.json has SHA-256 c2, but the rebuild has SHA-256 b2",
      "library libother.so: provenance.json has SHA-256 c3, but the rebuild has none",
    ]);
  });

  test("is a library of this machine that is not the pinned one, and then the rebuild is not the release's", () => {
    expect(said({ rebuilt: { ...REBUILT, others: ["/lib/libc.so"] } })).toEqual([
      expect.stringMatching(
        /^this machine: its libraries are not the release's: \/lib\/libc\.so is not what src\/build\/pin\/pin\.json has .*: the difference may come from this machine and not from the file$/,
      ),
    ]);
  });

  test("is unknown for a bare file, or for one beside another file's provenance", () => {
    const bare = [
      expect.stringMatching(
        new RegExp(
          `^commit: nothing says which one the file was built from; check that it is this checkout's, ${HERE}, or put the provenance\\.json .* beside it, `,
        ),
      ),
    ];
    expect(said({ claims: [] })).toEqual(bare);
    expect(said({ claims: [], unused: "it is of another file" })).toEqual([
      "provenance: it is of another file",
      ...bare,
    ]);
  });

  test("is unknown if all claims about the file are true, and the report says so", () => {
    expect(said({})).toEqual([
      "by provenance.json, none of these differs: the file is not what they say, or the build is not reproducible here",
    ]);
  });
});

describe("about the same bytes", () => {
  const end = `(amd64, ${BUILT.length.toLocaleString("en-US")} bytes, SHA-256 ${sha256(BUILT)})`;

  test("prints one line, with the commit", () => {
    expect(describeSame(given(BUILT), evidence({}))).toBe(`FILE: the same bytes as a build of commit ${HERE} ${end}`);
  });

  test("says that no commit was built, or that the file names another", () => {
    expect(describeSame(given(BUILT), evidence({ checkout: { commit: HERE, changes: ["src/x.ts"] } }))).toBe(
      `FILE: the same bytes as a build of commit ${HERE} with changes (src/x.ts) ${end}`,
    );
    expect(describeSame(given(BUILT), evidence({ checkout: { commit: null, changes: null } }))).toBe(
      `FILE: the same bytes as a build of this checkout, whose commit git does not know ${end}; provenance.json names ${HERE}`,
    );
    expect(describeSame(given(BUILT), evidence({ claims: [{ source: "the label", commit: THERE }] }))).toBe(
      `FILE: the same bytes as a build of commit ${HERE} ${end}; the label names ${THERE}`,
    );
  });
});

describe("about other bytes", () => {
  const { segments } = new ElfFile("built", BUILT);
  const [, second] = segments;
  const at = (header: number, field: number) => EHDR_SIZE + header * PHDR_SIZE + field;
  const headers = (bytes: Uint8Array) => describeHeaders(bytes, BUILT, compare(bytes, BUILT));

  const part = (offset: number, size: number, change: Partial<MappedPart> = {}): MappedPart => ({
    ...{ address: 0x400000 + offset, offset, size, protection: "r-x", origin: "musl", functions: [] },
    ...change,
  });
  const functions = [{ name: "strlen", address: 0x402010, size: 0x20, runs: true }];
  const CODE = 0x3000;
  const MAP: PauseMap = {
    ...FORMAT,
    ...{
      version: "",
      architecture: "amd64",
      file: { bytes: BUILT.length, sha256: "", entry: 0 },
      linked: { sha256: "" },
      pages: [],
      scenarios: [],
      callSites: [],
      executedInstructions: 0,
    },
    parts: [
      part(0, 0x1000, { origin: "stub" }),
      part(0x1000, 0x2000, { functions }),
      part(CODE, BUILT.length - CODE, { address: null, origin: "sections", protection: "---" }),
    ],
  };
  const PAGES = Math.ceil(BUILT.length / 4096);
  const pages = (bytes: Uint8Array) => describePages(bytes, BUILT, compare(bytes, BUILT), MAP);

  test("prints both sums, and the commit", () => {
    const bytes = changed(0x3010);
    expect(describeOther(given(bytes), BUILT, evidence({}))).toBe(
      `FILE: differs from a build of commit ${HERE} (amd64: SHA-256 is ${sha256(bytes)}, the rebuild's is ${sha256(BUILT)})`,
    );
  });

  test("names a byte of the ELF header by its field", () => {
    expect(headers(changed(24))).toEqual([
      expect.stringMatching(/^ELF header: e_entry is 0x[0-9a-f]+, and in the rebuild 0x[0-9a-f]+$/),
    ]);
    expect(headers(changed(12))).toEqual(["ELF header: EI_PAD is 0xff000000, and in the rebuild 0x0"]);
  });

  test("names a byte of a program header by its field, its number and its segment, even if the file can no longer be read as ELF", () => {
    expect(headers(changed(at(1, 4)))).toEqual([
      expect.stringMatching(
        new RegExp(
          `^program header 1 \\(its segment is at ${hex(second?.vaddr ?? 0)}\\): p_flags is 0x[0-9a-f]+, and in the rebuild ${hex(second?.flags ?? 0)}$`,
        ),
      ),
    ]);
    const damaged = changed(at(1, 13));
    expect(() => new ElfFile("damaged", damaged)).toThrow("cut short");
    expect(headers(damaged)).toEqual([expect.stringContaining("p_offset is 0x")]);
    expect(pages(damaged)[0]).toStartWith(`pages: 1 of ${PAGES} differ; `);
  });

  test("names each byte of the headers, to the end of the last segment's, by one field, with its name and size by the gABI", () => {
    const sizes = (offsets: readonly number[]) => {
      const names = offsets
        .flatMap((offset) => headers(changed(offset)))
        .map((line) => /: (\w+) is /.exec(line)?.[1] ?? line);
      return [...new Set(names)].map((name) => `${name} ${names.filter((each) => each === name).length}`).join(", ");
    };
    const bytes = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
    // Before them: magic, class and data; without those, there is nothing to compare.
    expect(sizes(bytes(6, EHDR_SIZE))).toBe(
      "EI_VERSION 1, EI_OSABI 1, EI_ABIVERSION 1, EI_PAD 7, e_type 2, e_machine 2, e_version 4, e_entry 8, e_phoff 8, e_shoff 8, e_flags 4, e_ehsize 2, e_phentsize 2, e_phnum 2, e_shentsize 2, e_shnum 2, e_shstrndx 2",
    );
    const last = BUILT.readUInt16LE(56) - 1;
    expect(sizes(bytes(at(last, 0), at(last + 1, 0)))).toBe(
      "p_type 4, p_flags 4, p_offset 8, p_vaddr 8, p_paddr 8, p_filesz 8, p_memsz 8, p_align 8",
    );
  });

  test("names a byte of a page by its place, both values, and its origin and function", () => {
    const [was, is] = [BUILT, changed(0x2010)].map((bytes) => hex(bytes[0x2010] ?? 0));
    const bytes = `${is} at 0x2010, and in the rebuild ${was}`;
    expect(headers(changed(0x2010))).toEqual([]);
    expect(pages(changed(0x2010))).toEqual([
      `pages: 1 of ${PAGES} differ; the first byte that does: ${bytes}`,
      `  page at offset 0x2000, address 0x402010, r-x, musl's functions, from libc.a (strlen): ${bytes}`,
    ]);
  });

  test("ends a function before the byte after it", () => {
    const named = (offset: number) => pages(changed(offset))[1]?.split(":")[0];
    expect([0x202f, 0x2030].map(named)).toEqual([
      "  page at offset 0x2000, address 0x40202f, r-x, musl's functions, from libc.a (strlen)",
      "  page at offset 0x2000, address 0x402030, r-x, musl's functions, from libc.a",
    ]);
  });

  test("names the parts that no kernel maps", () => {
    expect(
      pages(changed(0x2000, CODE))
        .slice(1)
        .map((line) => line.split(":")[0]),
    ).toEqual([
      "  page at offset 0x2000, address 0x402000, r-x, musl's functions, from libc.a",
      "  page at offset 0x3000, names of the sections, section headers",
    ]);
  });

  test("names the first of many pages and fields, and says how many more there are", () => {
    const lines = pages(Buffer.concat([BUILT, Buffer.alloc(12 * 4096, 1)]));
    expect(lines.length).toBe(10);
    expect([lines.at(0)?.split(";")[0], lines.at(-1)]).toEqual([
      `pages: 13 of ${PAGES + 12} differ`,
      "  and 5 more pages",
    ]);
    const fields = [0, 1, 2].flatMap((header) => [0, 4, 8, 16].map((field) => at(header, field))).slice(0, 10);
    expect(headers(changed(...fields)).at(-1)).toBe("and 2 more fields of the headers");
  });

  test("says that a file is shorter or longer, and where it ends", () => {
    const [shorter, longer] = [BUILT.subarray(0, 0x2800), Buffer.concat([BUILT, Buffer.from("more")])];
    const said = (bytes: number) => `${bytes.toLocaleString("en-US")} bytes`;
    const has = `and the rebuild has ${said(BUILT.length)}`;
    expect(headers(shorter)).toEqual([`size: 10,240 bytes, ${has}`]);
    expect(pages(shorter)[0]).toStartWith(
      `pages: 2 of ${PAGES} differ; the first byte that does: nothing at 0x2800, and in the rebuild 0x`,
    );
    expect(headers(longer)).toEqual([`size: ${said(BUILT.length + 4)}, ${has}`]);
    const end = hex(BUILT.length);
    expect(pages(longer)).toEqual([
      `pages: 1 of ${PAGES} differ; the first byte that does: 0x6d at ${end}, and in the rebuild nothing`,
      `  page at offset 0x3000, where the rebuild has nothing: 0x6d at ${end}, and in the rebuild nothing`,
    ]);
  });

  test("calls the C program another program, but not a file with one of its pages left", () => {
    expect(isAnotherProgram(compare(readFileSync(buildReference()), BUILT))).toBe(true);
    expect(isAnotherProgram(compare(changed(0, 0x1000), BUILT))).toBe(false);
    // Any file may have a page of zeros.
    const emptied = Buffer.from(BUILT).fill(0, 0x1000, 0x2000);
    expect(isAnotherProgram(compare(Buffer.alloc(0x2000), emptied))).toBe(true);
  });
});
