import { describe, expect, test } from "bun:test";
import * as elf from "../../src/elf/constants.ts";
import { readDynamic } from "../../src/elf/dynamic.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { pageDown, pageUp } from "../../src/elf/pages.ts";
import { writeExecutable } from "../../src/link/file.ts";
import type { GivenFlags } from "../../src/link/flags.ts";
import { link } from "../../src/link/link.ts";
import { PLAIN, type Target, workshop } from "./fixture.ts";

/** What fixture/program.c finds right, a line each. */
const ALL_RIGHT = [
  "JUMP_SLOT, and the program comes first",
  "then libstdc++, then libgcc_s",
  "COPY, relocated, and seen by the library",
  "an address in data",
  "an offset from the thread pointer",
  "the program's own thread-local variables",
  "a thread-local variable reached from a library",
  "a weak reference that nothing defines is 0",
  "a hidden version of a name",
  "names of glibc that musl has not",
];

/** The file with the hidden program header, after those the ELF header counts; AT_PHNUM tells the loader of it. */
function asMuslSees(file: ElfFile): ElfFile {
  const bytes = file.bytes.slice();
  new DataView(bytes.buffer).setUint16(56, file.segments.length + 1, true);
  return new ElfFile(file.name, bytes);
}

/** The target of small programs, with gcc's flags for libraries, and the alignment of the thread-local template. */
export type Linked = {
  readonly name: string;
  readonly target: Target;
  readonly flags: readonly string[];
  readonly alignment: number;
};

/** The tests of link() on whole programs, for link.test.ts (this architecture) and link-aarch64.test.ts (the other). */
export const testLinking = (targets: readonly Linked[]) =>
  describe.each(targets)("$name", ({ name: title, target, flags, alignment }) => {
    const { maxPageSize } = target.architecture;
    const shop = workshop(`whole-${title.replace(/\W+/g, "-")}`, target);
    shop.makeAll(flags, [`-DALIGNMENT=${alignment}`]);

    function linked(name: string, options: GivenFlags = {}): ElfFile {
      const { bytes } = link("program", shop.read("program"), () => [shop.folder], { ...PLAIN, ...options });
      writeExecutable(shop.path(name), bytes);
      return new ElfFile(name, bytes);
    }

    describe("linking a small program with small libraries, and running it", () => {
      test("each kind of relocation works", () => {
        linked("plain");
        expect(shop.run("plain")).toEqual({ exitCode: 0, lines: ALL_RIGHT, stderr: "" });
      });

      test("the options of the entry change nothing for the program", () => {
        linked("all-options", { blockSignals: true, fillDescriptors: true, emptyEnvironment: true });
        expect(shop.run("all-options", { LD_PRELOAD: shop.exitsWith(9) })).toEqual({
          exitCode: 0,
          lines: ALL_RIGHT,
          stderr: "",
        });
      });

      test("musl applies LD_PRELOAD as always, but not if the environment is emptied", () => {
        const env = { LD_PRELOAD: shop.exitsWith(9) };
        linked("plain");
        expect(shop.run("plain", env).exitCode).toBe(9);
        linked("empty", { emptyEnvironment: true });
        expect(shop.run("empty", env).exitCode).toBe(0);
      });

      test("with the support for addons it does the same: its tables have the libraries' constructors and symbols, and LD_PRELOAD is ignored", () => {
        const file = linked("with-addons", { addons: true, loaderVariables: false });
        expect(shop.run("with-addons", { LD_PRELOAD: shop.exitsWith(9) })).toEqual({
          exitCode: 0,
          lines: ALL_RIGHT,
          stderr: "",
        });
        const { exports, relocations, symbols, tags } = readDynamic(asMuslSees(file));
        const own = readDynamic(new ElfFile("program", shop.read("program"))).exports;
        for (const [name, { value, type }] of own)
          if (type !== elf.STT_TLS) expect([name, exports.get(name)?.value]).toEqual([name, value]);
        const end = Math.max(
          ...new ElfFile("program", shop.read("program"))
            .segmentsOf(elf.PT_LOAD)
            .map(({ vaddr, memsz }) => vaddr + memsz),
        );
        for (const name of ["library_who", "from_libgcc"]) expect(exports.get(name)?.value).toBeGreaterThan(end);
        expect(tags.get(elf.DT_INIT_ARRAYSZ)).toBeGreaterThanOrEqual(8);
        expect(file.u64At(tags.get(elf.DT_INIT_ARRAY) ?? 0)).toBeGreaterThan(end);
        expect(
          relocations.filter(({ type }) => type !== elf.R_NONE).map(({ symbol }) => symbols[symbol]?.name),
        ).toEqual(["_exit"]);
      });

      test("the same input gives the same bytes", () => {
        expect(linked("one").bytes).toEqual(linked("two").bytes);
      });
    });

    describe("tools that change a finished file leave one that runs", () => {
      const tool = (name: string) => target.gcc.replace(/gcc$/, name);

      test.each([
        ["strip", ["-o"]],
        ["strip", ["--strip-debug", "-o"]],
        ["objcopy", []],
        ["objcopy", ["--strip-all"]],
      ] as const)("%s %p", (name, options) => {
        linked("whole", { addons: true, loaderVariables: false });
        const files = name === "strip" ? ["changed", "whole"] : ["whole", "changed"];
        const { exitCode, stderr } = Bun.spawnSync([tool(name), ...options, ...files.map((file) => shop.path(file))]);
        expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
        expect(shop.run("changed")).toEqual({ exitCode: 0, lines: ALL_RIGHT, stderr: "" });
        // These tools may move segments in the file, and drop PT_GNU_RELRO if no section is as large.
        const memory = (name: string) =>
          new ElfFile(name, shop.read(name)).segments
            .filter(({ type }) => type !== elf.PT_GNU_RELRO && type !== 0)
            .map(({ type, vaddr, memsz, flags }) => ({ type, vaddr, memsz, flags }));
        expect(memory("changed")).toEqual(memory("whole"));
      });

      test("readelf prints no warning", () => {
        linked("whole", { addons: true, loaderVariables: false });
        const { stdout, stderr } = Bun.spawnSync(["readelf", "--all", "--wide", shop.path("whole")]);
        expect(stderr.toString()).toBe("");
        expect(stdout.toString()).not.toMatch(/warning|error/i);
      });
    });

    describe("the shape of a linked file", () => {
      const file = linked("shape");
      const loads = file.segmentsOf(elf.PT_LOAD);

      test("has no interpreter, and no segment that is both writable and executable", () => {
        expect(file.segmentsOf(elf.PT_INTERP)).toEqual([]);
        for (const { flags } of loads) expect(flags & (elf.PF_W | elf.PF_X)).not.toBe(elf.PF_W | elf.PF_X);
      });

      test("has segments that ascend and do not overlap, with file offset and address equal within the page", () => {
        for (const [index, { vaddr, offset, memsz }] of loads.entries()) {
          expect(vaddr % maxPageSize).toBe(offset % maxPageSize);
          const next = loads[index + 1];
          if (next !== undefined) expect(next.vaddr).toBeGreaterThanOrEqual(vaddr + memsz);
        }
      });

      test("has its program headers where older kernels compute AT_PHDR: as far from their offset as the first segment", () => {
        const [table] = file.segmentsOf(elf.PT_PHDR);
        const [first] = loads;
        if (table === undefined || first === undefined) throw new Error("no PT_PHDR or no PT_LOAD");
        expect(file.segments[0]).toEqual(table);
        expect(table.vaddr - table.offset).toBe(first.vaddr - first.offset);
        expect(
          loads.some(({ vaddr, memsz }) => table.vaddr >= vaddr && table.vaddr + table.memsz <= vaddr + memsz),
        ).toBe(true);
        expect(table.filesz).toBe(file.segments.length * elf.PHDR_SIZE);
      });

      test("has additions that begin and end with whole pages, so that musl gives no gap to malloc twice", () => {
        const before = new ElfFile("program", shop.read("program")).segmentsOf(elf.PT_LOAD).length;
        // The output's own first pages come first, then the program's.
        for (const { vaddr, filesz, memsz } of [...loads.slice(0, 1), ...loads.slice(before + 1)])
          expect([vaddr % maxPageSize, filesz % maxPageSize, memsz - filesz]).toEqual([0, 0, 0]);
      });

      test("needs only musl at run time, and leaves only symbols that musl defines to relocate", () => {
        const { needed, relocations, symbols } = readDynamic(asMuslSees(file));
        expect(needed).toEqual(["libc.so"]);
        const left = relocations.filter(({ type }) => type !== elf.R_NONE).map(({ symbol }) => symbols[symbol]?.name);
        expect(left).toEqual(["_exit"]);
      });

      test("has no writable data that the C++ libraries only read after relocation (PT_GNU_RELRO)", () => {
        const before = new ElfFile("program", shop.read("program")).segmentsOf(elf.PT_LOAD).length;
        const found = loads
          .slice(before + 1)
          .filter(({ flags }) => (flags & elf.PF_W) !== 0)
          .reduce((sum, { filesz }) => sum + filesz, 0);
        const written = (name: string, relocated: boolean) => {
          const library = new ElfFile(name, shop.read(name));
          const [data] = library.segmentsOf(elf.PT_LOAD).filter(({ flags }) => (flags & elf.PF_W) !== 0);
          const [relro] = library.segmentsOf(elf.PT_GNU_RELRO);
          if (data === undefined || relro === undefined) throw new Error(`${name} has no data or no RELRO`);
          const start = relocated
            ? pageDown(relro.vaddr + relro.memsz, maxPageSize)
            : pageDown(data.vaddr, maxPageSize);
          return Math.max(0, pageUp(data.vaddr + data.memsz, maxPageSize) - start);
        };
        expect(found).toBe(
          written("libstdc++.so.6", true) +
            written("libgcc_s.so.1", true) +
            written(target.architecture.muslLoader, false),
        );
      });

      test("keeps the program's alignment in the thread-local template", () => {
        const [template] = file.segmentsOf(elf.PT_TLS);
        expect(template?.align).toBe(alignment);
        expect((template?.vaddr ?? 1) % alignment).toBe(0);
      });
    });
  });
