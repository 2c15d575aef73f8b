import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as elf from "../../src/elf/constants.ts";
import { readDynamic } from "../../src/elf/dynamic.ts";
import { ElfError, readU64, writeU64 } from "../../src/elf/file.ts";
import { LinkError } from "../../src/link/error.ts";
import { link } from "../../src/link/link.ts";
import { damaged, setTag } from "./damage.ts";
import { PLAIN, workshop } from "./fixture.ts";

// Compilers are slow on a busy machine.
setDefaultTimeout(60_000);

const CLI = join(import.meta.dir, "..", "..", "src", "link", "cli.ts");
const shop = workshop("refusals");
shop.makeAll();

/** Runs the command line with the small libraries. Returns its exit code and output. */
function run(...args: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, CLI, ...args], { cwd: shop.folder });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** Expects `message` on one line, exit code 1, and neither an output nor a part of one. */
function refuses(message: string | RegExp, ...args: string[]): void {
  const before = readdirSync(shop.folder);
  const { exitCode, stdout, stderr } = run(...args);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^bun-static: [^\n]*\n$/);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
  expect(readdirSync(shop.folder)).toEqual(before);
}

const refusesInput = (message: string | RegExp, bytes: Uint8Array): void => {
  writeFileSync(shop.path("bad"), bytes);
  refuses(message, "bad", "-o", "output", "--library-dir", shop.folder);
};

function changed(change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = shop.read("program").slice();
  change(bytes);
  return bytes;
}

describe("bad input gets one line that says what was found and what to do", () => {
  test("neither an ELF file nor a source file", () => {
    refusesInput(
      "bad: neither an executable (it is not an ELF file) nor a source file, which has an extension like .ts or .js",
      Buffer.from("#!/bin/sh\n".repeat(20)),
    );
    refusesInput("bad: neither an executable", new Uint8Array(0));
    expect(() => link("bad", Buffer.from("#!/bin/sh\n".repeat(20)), () => [], PLAIN)).toThrow(
      "bad: not an ELF file (it begins with 23 21 2f 62, not 7f 45 4c 46)",
    );
  });

  test("of an unknown architecture, and of another than its interpreter's", () => {
    refusesInput(
      "bad: its e_machine is 40, which is not x86-64 (62) or AArch64 (183); build it with --target=bun-linux-x64-musl or --target=bun-linux-arm64-musl",
      changed((bytes) => (bytes[18] = 40)),
    );
    refusesInput(
      "its interpreter is /lib/ld-musl-x86_64.so.1, not musl's; build it with --target=bun-linux-arm64-musl",
      changed((bytes) => (bytes[18] = 183)),
    );
    refusesInput(
      "not a 64-bit little-endian ELF file (class 1, data 1)",
      changed((bytes) => (bytes[4] = 1)),
    );
  });

  test("cut short", () =>
    refusesInput(
      /bad: cut short: its .* lies beyond the end of the file; copy or build it again/,
      shop.read("program").slice(0, 5000),
    ));

  test("already linked", () => {
    expect(run("program", "-o", "linked", "--library-dir", shop.folder).exitCode).toBe(0);
    refuses(
      "linked: it names no interpreter (PT_INTERP): it is already linked statically; give the file bun build --compile wrote",
      "linked",
      "--library-dir",
      shop.folder,
    );
  });

  test("linked against glibc, and position-independent", () => {
    refuses(
      /its interpreter is \/lib64\/ld-linux-x86-64\.so\.2, not musl's; build it with --target=bun-linux-x64-musl/,
      "/bin/true",
      "-o",
      "output",
    );
    refusesInput(
      "e_type is 3, not ET_EXEC",
      changed((bytes) => (bytes[16] = 3)),
    );
  });

  test("an input that does not exist, and a folder as input", () => {
    refuses("nowhere: cannot be read (ENOENT)", "nowhere");
    refuses("cannot be read (EISDIR)", ".");
  });

  test("an output that cannot be written", () => {
    mkdirSync(shop.path("folder"), { recursive: true });
    refuses(
      "folder: cannot be written, because it is a folder; name a file in it",
      "program",
      "-o",
      "folder",
      "--library-dir",
      shop.folder,
    );
    refuses(
      "program/output: cannot be written (ENOTDIR); choose an output in a folder you can write to",
      "program",
      "-o",
      "program/output",
      "--library-dir",
      shop.folder,
    );
  });

  test("unknown arguments", () => {
    refuses("no input file: give a source file, or an executable that bun build --compile wrote");
    refuses("give one executable at a time; -o names the output", "program", "program");
    refuses("--strip is neither an option of this command nor of bun build", "program", "--strip");
    refuses("--minify is for compiling, and program is already compiled", "program", "--minify");
    refuses("--check takes no value, found --check=yes", "program", "--check=yes");
    refuses("--outfile needs a value after it", "program", "--outfile");
    refuses("--outdir cannot be used here: the output is one file: -o FILE", "program.ts", "--outdir", "out");
    refuses("--own-stack is neither an option", "program", "--own-stack");
  });

  test("a target that is not musl's, and a source that would be its own output", () => {
    writeFileSync(shop.path("hello.ts"), "");
    refuses(
      "--target=bun-linux-x64 cannot be linked statically: choose bun-linux-x64-musl or bun-linux-arm64-musl",
      "hello.ts",
      "--target=bun-linux-x64",
    );
    refuses("hello.ts is the source itself; name another output with -o", "hello.ts", "-o", "hello.ts");
    rmSync(shop.path("hello.ts"));
  });

  test("libraries that cannot be read", () => {
    const { folder, makeAll } = fresh("unreadable");
    makeAll();
    refuses(
      "nowhere: it does not exist or is not a folder, so it has no libraries; correct --library-dir",
      "program",
      "--library-dir",
      "nowhere",
    );
    rmSync(join(folder, "libgcc_s.so.1"));
    mkdirSync(join(folder, "libgcc_s.so.1"));
    refuses(
      /libgcc_s\.so\.1: cannot be read \(EISDIR\); expected a shared library: reinstall it/,
      "program",
      "-o",
      "output",
      "--library-dir",
      folder,
    );
    rmSync(join(folder, "libgcc_s.so.1"), { recursive: true });
    writeFileSync(join(folder, "libgcc_s.so.1"), "GROUP ( /lib/libgcc_s.so.1 )\n");
    refuses(
      /libgcc_s\.so\.1: not an ELF file .*; expected a shared library/,
      "program",
      "-o",
      "output",
      "--library-dir",
      folder,
    );
  });

  test("--help prints the usage without the options that are for pause only, and exits with 0", () => {
    const { exitCode, stdout, stderr } = run("--help");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    for (const word of [
      "ENTRY",
      "EXECUTABLE",
      "--outfile",
      "--target",
      "--check",
      "--library-dir",
      "--no-addons",
      "--loader-variables",
    ])
      expect(stdout).toContain(word);
    for (const word of ["--block-signals", "--own-stack", "--hide-vdso"]) expect(stdout).not.toContain(word);
  });
});

/** Runs the linker without its default folders, so that what is missing is really missing. */
const linkWith = (folder: string, program = shop.read("program")) => link("program", program, () => [folder], PLAIN);

describe("libraries that cannot be used", () => {
  test.each([
    ["libstdc++.so.6", "on Debian: apt-get install libstdc++6; on Alpine: apk add libstdc++"],
    ["libgcc_s.so.1", "on Debian: apt-get install libgcc-s1; on Alpine: apk add libgcc"],
    ["ld-musl-x86_64.so.1", "on Debian: apt-get install musl; on Alpine: apk add musl"],
  ])("%s missing", (soname, advice) => {
    const { folder, makeAll } = fresh(`missing-${soname}`);
    makeAll();
    rmSync(join(folder, soname));
    expect(() => linkWith(folder)).toThrow(new LinkError(`${soname} for x86-64 not found in ${folder}; ${advice}`));
  });

  test("a symbol that nothing defines, needed by a library and by the program", () => {
    const wanting = workshop("undefined");
    wanting.libgcc();
    wanting.libstdcxx(wanting.text("wanting.c", "int lost(void); int found(void) { return lost(); }"));
    wanting.program([...wanting.text("main.c", "int found(void); void _start(void) { found(); }")]);
    expect(() => linkWith(wanting.folder, wanting.read("program"))).toThrow(
      /libstdc\+\+\.so\.6: nothing defines its symbol lost; link with/,
    );
    wanting.libstdcxx(wanting.text("quiet.c", "int quiet;"));
    expect(() => linkWith(wanting.folder, wanting.read("program"))).toThrow(
      /^program: nothing defines its symbol found; link with/,
    );
  });

  test("an unknown relocation type", () => {
    const odd = workshop("odd");
    odd.libgcc();
    odd.libstdcxx(["-mtls-dialect=gnu2", ...odd.text("odd.c", "__thread int odd; int *where(void) { return &odd; }")]);
    odd.program(odd.text("main.c", "int *where(void); void _start(void) { where(); }"));
    expect(() => linkWith(odd.folder, odd.read("program"))).toThrow(
      /libstdc\+\+\.so\.6: x86-64 relocation type 36.* is not one this linker knows/,
    );
  });

  test("a symbol that is chosen at run time", () => {
    const late = workshop("ifunc");
    const code =
      'static int one(void) { return 1; } static void *choose(void) { return one; } int chosen(void) __attribute__((ifunc("choose")));';
    late.libgcc();
    late.libstdcxx(late.text("ifunc.c", code));
    late.program(late.text("main.c", "int chosen(void); void _start(void) { chosen(); }"));
    expect(() => linkWith(late.folder, late.read("program"))).toThrow(
      "its symbol chosen is chosen at run time (STT_GNU_IFUNC)",
    );
  });

  test("a program that needs another library", () => {
    const other = workshop("other");
    other.libgcc();
    other.libstdcxx(other.text("other.c", "int other;"));
    Bun.spawnSync([
      "gcc",
      "-shared",
      "-nostdlib",
      "-Wl,-soname,libodd.so.3",
      "-o",
      other.path("libodd.so"),
      "-x",
      "c",
      "/dev/null",
    ]);
    other.program([...other.text("main.c", "void _start(void) {}"), "-x", "none", other.path("libodd.so")]);
    expect(() => linkWith(other.folder, other.read("program"))).toThrow(
      "program: it needs libodd.so.3; only musl, libstdc++.so.6 and libgcc_s.so.1 can be linked into it",
    );
  });
});

describe("damaged files", () => {
  test("a string table that is shorter than its names, which the linker copies and musl's loader does not measure", () => {
    const bytes = damaged(shop.read("program"), (opened) =>
      setTag(opened, elf.DT_STRSZ, { value: (opened.dynamic.tags.get(elf.DT_STRSZ) ?? 0) - 8 }),
    );
    expect(() => linkWith(shop.folder, bytes)).toThrow(/its name \S+ lies beyond its string table \(DT_STRSZ\)/);
  });

  test("a program that needs no C library, which musl's loader would find by libstdc++ alone", () => {
    const bytes = damaged(shop.read("program"), ({ file, view }) => {
      const [{ offset, filesz } = { offset: 0, filesz: 0 }] = file.segmentsOf(elf.PT_DYNAMIC);
      const strtab = readDynamic(file).tags.get(elf.DT_STRTAB) ?? 0;
      for (let at = offset; at < offset + filesz; at += elf.DYN_SIZE)
        if (readU64(view, at) === elf.DT_NEEDED && file.stringAt(strtab + readU64(view, at + 8)).startsWith("libc."))
          writeU64(view, at, 0x6fff_0000);
    });
    expect(() => linkWith(shop.folder, bytes)).toThrow("it needs no C library (DT_NEEDED of libc)");
  });

  test("link, or are refused in words, whichever single bytes of headers, symbols and relocations are wrong", () => {
    const program = shop.read("program");
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48271) % 0x7fffffff;
      return seed % below;
    };
    let refused = 0;
    for (let round = 0; round < 1500; round++) {
      const bytes = program.slice();
      const area = round % 3 === 0 ? 0x400 : bytes.length;
      for (let flips = 1 + random(3); flips > 0; flips--) bytes[random(area)] = random(256);
      refused += expectedRefusal(() => linkWith(shop.folder, bytes));
    }
    for (let size = 0; size < program.length; size += 97)
      refused += expectedRefusal(() => linkWith(shop.folder, program.slice(0, size)));
    expect(refused).toBeGreaterThan(300);
  }, 120_000);
});

/** Returns 1 for an error in words, 0 for none. Rethrows any other: it is a bug. */
function expectedRefusal(run: () => void): number {
  try {
    run();
    return 0;
  } catch (error) {
    if (error instanceof ElfError || error instanceof LinkError) return 1;
    throw error;
  }
}

function fresh(name: string) {
  const made = workshop(name.replace(/[^a-z]/g, "-"));
  return { folder: made.folder, makeAll: () => made.makeAll() };
}
