import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import * as elf from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { findAddons } from "../../src/link/addons.ts";
import { link } from "../../src/link/link.ts";
import { answered64 } from "../../src/link/loader.ts";
import { releaseWith } from "../../src/link/releases.ts";
import { PLAIN, workshop } from "./fixture.ts";

// Compilers are slow on a busy machine.
setDefaultTimeout(60_000);

const shop = workshop("addons");
shop.makeAll();

/** What the linker reports about an addon that gcc made of `code`, with flags for the static linker. */
function said(code: string, flags: readonly string[] = []) {
  const made = workshop("addons-made");
  made.libgcc();
  made.libgcc(["-Wl,--allow-shlib-undefined", ...flags, ...made.text("addon.c", code)]);
  const { linked } = withAddon(made.read("libgcc_s.so.1"));
  const [addon, another] = findAddons(linked, true);
  expect(another).toBeUndefined();
  return { problem: addon?.problem, risk: addon?.risk };
}

/** Links the small program with `addon` in a payload appended to it, as Bun before 1.3.12 did. */
function withAddon(addon: Uint8Array) {
  const program = shop.read("program");
  const { view, segments } = new ElfFile("program", program);
  const end = Math.max(
    Number(view.getBigUint64(40, true)) + view.getUint16(60, true) * elf.SHDR_SIZE,
    ...segments.map(({ offset, filesz }) => offset + filesz),
  );
  const payload = [addon, Buffer.from("\n---- Bun! ----\n"), Buffer.alloc(8)];
  const input = new Uint8Array(Buffer.concat([program.subarray(0, end), ...payload]));
  return { linked: link("program", input, () => [shop.folder], { ...PLAIN, addons: true }) };
}

describe("a symbol that an addon needs and nothing defines", () => {
  const calls = "void lost(void); void run(void) { lost(); }";

  test("is needed only when it is called, if binding may be lazy: the addon loads", () => {
    expect(said(calls, ["-Wl,-z,lazy"])).toEqual({
      problem: undefined,
      risk: "it ends the process if it calls lost, which nothing defines",
    });
    expect(said("extern int lost; int run(void) { return lost; }", ["-Wl,-z,lazy"]).problem).toBeUndefined();
  });

  test("is needed at load time, if the addon binds all at once or has the address in its data", () => {
    const problem = "it needs lost, which nothing defines";
    expect(said(calls, ["-Wl,-z,now"])).toEqual({ problem, risk: undefined });
    expect(said("void lost(void); void (*pointer)(void) = lost;", ["-Wl,-z,lazy"])).toEqual({
      problem,
      risk: undefined,
    });
  });

  test("is not needed if it is weak, or if no relocation refers to it", () => {
    const weak = "void lost(void) __attribute__((weak)); void run(void) { if (lost) lost(); }";
    expect(said(weak, ["-Wl,-z,now"])).toEqual({ problem: undefined, risk: undefined });
  });

  test("is named with the release that has it", () => {
    expect(
      said("void __cxa_call_terminate(void); void run(void) { __cxa_call_terminate(); }", ["-Wl,-z,now"]).problem,
    ).toBe(
      "it needs __cxa_call_terminate, which nothing defines: libstdc++ of GCC 14 or newer has it (Debian 13, Alpine 3.21)",
    );
  });
});

describe("the release that has a symbol", () => {
  test("is found by the symbol's version, by its name, or not at all", () => {
    expect(releaseWith({ name: "anything", version: "GLIBCXX_3.4.32" })).toBe(
      "libstdc++ of GCC 13 or newer has it (Debian 13, Ubuntu 24.04, Alpine 3.19)",
    );
    expect(releaseWith({ name: "statx", version: undefined })).toBe(
      "musl 1.2.5 or newer has it (Debian 13, Alpine 3.20)",
    );
    for (const name of ["lost", "toString", "__proto__"])
      expect(releaseWith({ name, version: undefined })).toBeUndefined();
  });

  test("is named in the refusal of a library that needs it", () => {
    const wanting = workshop("addons-wanting");
    wanting.libgcc();
    const name = "_ZSt21ios_base_library_initv";
    wanting.libstdcxx(wanting.text("wanting.c", `void ${name}(void); void found(void) { ${name}(); }`));
    wanting.program(wanting.text("main.c", "void found(void); void _start(void) { found(); }"));
    expect(() => link("program", wanting.read("program"), () => [wanting.folder], PLAIN)).toThrow(
      `nothing defines its symbol ${name}; libstdc++ of GCC 13 or newer has it (Debian 13, Ubuntu 24.04, Alpine 3.19): name the folder of one with --library-dir`,
    );
  });

  test("is right for the libraries here: they lack every symbol that is said to be newer, or have all of them", () => {
    const text = readFileSync("/usr/lib/x86_64-linux-gnu/libstdc++.so.6").toString("latin1");
    expect(text.includes("GLIBCXX_3.4.31\0")).toBe(text.includes("15_M_replace_coldEPcmPKcmm\0"));
    expect(text.includes("CXXABI_1.3.15\0")).toBe(text.includes("__cxa_call_terminate\0"));
  });
});

test("names of 64-bit file offsets that musl's loader answers itself are read from its list, if it has one", () => {
  const list = "\0aio_cancel\0aio_error\0fopen\0open\0stat\0\0readdir64_r\0";
  const image = Buffer.from(`code${list}more`);
  expect(answered64({ image })).toEqual(["aio_cancel64", "aio_error64", "fopen64", "open64", "stat64"]);
  expect(answered64({ image: Buffer.from("\0fopen\0open\0\0") })).toEqual([]);
});
