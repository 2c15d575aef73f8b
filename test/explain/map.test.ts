import { beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PAUSE } from "../../harness/artifacts.ts";
import { TEST_DIST } from "../../harness/compile.ts";
import { RUN } from "../../harness/run.ts";
import { straced } from "../../harness/strace.ts";
import type { Architecture } from "../../src/arch/architecture.ts";
import { ARCHITECTURES, hostArchitecture } from "../../src/arch/architectures.ts";
import { fetchLibraries } from "../../src/build/debian/library-packages.ts";
import { DEBIAN_CACHE } from "../../src/build/machine/debian.ts";
import { writeMap } from "../../src/explain/files.ts";
import type { PauseMap } from "../../src/explain/map.ts";
import { PICTURE, page } from "../../src/explain/map-page.ts";
import { picture } from "../../src/explain/picture.ts";
import { libraryDirs } from "../../src/link/libraries.ts";
import { Tracee } from "../../src/snapshot/ptrace.ts";
import { readFaults } from "../../src/support/proc.ts";
import { REPOSITORY, read } from "../docs/pages.ts";

const MINUTES = 60_000;
const OBJDUMP: Readonly<Record<string, readonly string[]>> = {
  amd64: ["x86_64-linux-gnu-objdump", "-M", "intel"],
  arm64: ["aarch64-linux-gnu-objdump"],
};

const maps = new Map<Architecture, PauseMap>();
beforeAll(async () => {
  for (const architecture of ARCHITECTURES) maps.set(architecture, await writeMap(RUN, architecture));
}, 15 * MINUTES);

const of = (architecture: Architecture): PauseMap => maps.get(architecture) ?? missing();
const built = ({ debian }: Architecture) => join(REPOSITORY, "dist", debian, "pause");
const loaded = ({ pages }: PauseMap) =>
  pages.flatMap((each) => (each.address === null ? [] : [{ ...each, address: each.address }]));

describe.each(ARCHITECTURES.map((architecture) => [architecture.debian, architecture] as const))(
  "the map of dist/%s/pause",
  (debian, architecture) => {
    test("has each page that readelf sees a segment load, and every page of the file once", async () => {
      const headers = await Bun.$`readelf -lW ${built(architecture)}`.text();
      const segments = [...headers.matchAll(/^ +LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+) (0x\w+) ([RWE ]{3})/gm)].map(
        ([, offset, address, size, , flags = ""]) => ({
          offset: Number(offset),
          address: Number(address),
          size: Number(size),
          flags,
        }),
      );
      const expected = segments.flatMap(({ offset, address, size, flags }) =>
        Array.from({ length: size / 4096 }, (_, index) => ({
          address: address + index * 4096,
          offset: offset + index * 4096,
          protection: flags.toLowerCase().replace("e", "x").replaceAll(" ", "-"),
        })),
      );
      expect(
        loaded(of(architecture)).map(({ address, offset, protection }) => ({ address, offset, protection })),
      ).toEqual(expected.toSorted((one, other) => one.offset - other.offset));
      expect(of(architecture).pages.map(({ offset }) => offset)).toEqual(
        Array.from({ length: readFileSync(built(architecture)).length / 4096 }, (_, index) => index * 4096),
      );
    });

    test("has no page that no scenario touches, and none that can be written and executed", () => {
      for (const { scenarios, protection } of loaded(of(architecture))) {
        expect(scenarios.length).toBeGreaterThan(0);
        expect(protection).not.toBe("rwx");
      }
    });

    test("has the C library's pages as they are in its file, and the functions that nm has there, under the same names", async () => {
      const dirs =
        architecture === hostArchitecture()
          ? libraryDirs(architecture)
          : await fetchLibraries(RUN, architecture, DEBIAN_CACHE);
      const library =
        dirs.map((dir) => join(dir, architecture.muslLoader)).find((path) => existsSync(path)) ?? missing();
      const symbols = await Bun.$`nm -D --defined-only ${library}`.text();
      const names = new Map(
        [...symbols.matchAll(/^([0-9a-f]{16}) [TW] (\S+)$/gm)].map(([, value = "", name = ""]) => [
          name,
          Number.parseInt(value, 16),
        ]),
      );
      const pages = loaded(of(architecture)).filter(({ origin }) => origin === "musl");
      expect(pages.length).toBeGreaterThan(5);
      for (const { address, library: from, functions } of pages) {
        expect(from?.same).toBe(true);
        const base = address - (from?.offset ?? 0);
        for (const { name, address: at } of functions) expect(names.get(name), name).toBe(at - base);
      }
      // Code of the library's lies in the file where it lies in memory, so that this can be read by hand.
      const bytes = readFileSync(library);
      const file = readFileSync(built(architecture));
      for (const { offset, library: from } of pages)
        expect(
          file.subarray(offset, offset + 4096).equals(bytes.subarray(from?.offset, (from?.offset ?? 0) + 4096)),
        ).toBe(true);
      const running = pages.flatMap(({ functions }) => functions.filter(({ runs }) => runs).map(({ name }) => name));
      for (const name of ["_Exit", "getpid", "poll", "sigwaitinfo", "strcmp", "strlen", "write"])
        expect(running).toContain(name);
    });

    test("has, of what it does not name by a library's symbols, what each is seen to be", () => {
      const origins = Map.groupBy(loaded(of(architecture)), ({ origin }) => origin);
      for (const origin of ["stub", "typescript", "call-stubs", "c-memory", "thread-local", "stack"] as const)
        expect(origins.get(origin)?.length, origin).toBe(1);
      const file = readFileSync(built(architecture));
      const [memory] = origins.get("c-memory") ?? [];
      expect(
        file.subarray(memory?.offset, (memory?.offset ?? 0) + 4096).includes("Shutting down, got signal: Terminated\n"),
      ).toBe(true);
    });

    test("names each place where objdump finds an instruction that enters the kernel, and each call of a scenario at one", async () => {
      const { callSites, scenarios } = of(architecture);
      const code = loaded(of(architecture)).filter(({ protection }) => protection.includes("x"));
      const found: number[] = [];
      for (const { address, offset } of code) {
        const piece = join(TEST_DIST, `explain-${debian}.bin`);
        mkdirSync(TEST_DIST, { recursive: true });
        writeFileSync(piece, readFileSync(built(architecture)).subarray(offset, offset + 4096));
        const machine = debian === "amd64" ? "i386:x86-64" : "aarch64";
        const text =
          await Bun.$`${OBJDUMP[debian] ?? []} -D -b binary -m ${machine} --adjust-vma=${address} --no-show-raw-insn ${piece}`.text();
        found.push(
          ...[...text.matchAll(/^ +([0-9a-f]+):\s+(?:syscall|sysenter|int +0x80|svc\b)/gm)].map(([, at = ""]) =>
            Number.parseInt(at, 16),
          ),
        );
      }
      const places = callSites.map(({ address }) => address);
      expect(found.length).toBeGreaterThan(100);
      expect(found.filter((address) => !places.includes(address))).toEqual([]);
      for (const { calls } of scenarios)
        for (const { at, call } of calls)
          expect(callSites.find(({ address }) => address === at)?.calls, call).toContain(call);
    });

    test("counts no more page faults than pages touched and written to later, and no fewer than pages written", () => {
      const { scenarios } = of(architecture);
      scenarios.forEach(({ faults, name }, index) => {
        const touched = loaded(of(architecture)).filter((each) => each.scenarios.includes(index));
        const writable = touched.filter(({ protection }) => protection.includes("w"));
        expect(faults, name).toBeGreaterThanOrEqual(Math.min(3, writable.length));
        expect(faults, name).toBeLessThanOrEqual(touched.length + writable.length);
      });
    });
  },
);

describe("against the program itself, run under strace", () => {
  const scenario = (name: string) => of(hostArchitecture()).scenarios.find((each) => each.name === name) ?? missing();

  test.each([
    ["another PID, no argument, 0 stops, ended by SIGTERM", []],
    ["another PID, an argument, 0 stops, ended by SIGTERM", ["--help"]],
    ["another PID, -v", ["-v"]],
  ] as const)("%s: the same calls in the same order, with the same arguments", async (name, args) => {
    const seen = await straced(PAUSE, args);
    const { calls } = scenario(name);
    expect(calls.map(({ call }) => call)).toEqual(seen.map(({ call }) => call));
    calls.forEach(({ args }, index) => {
      const raw = seen[index]?.args ?? [];
      // An int fills half a register; the addresses are below 4 GiB.
      expect(args.slice(0, raw.length).map((value) => BigInt.asUintN(32, BigInt(value)))).toEqual(
        raw.map((value) => BigInt.asUintN(32, value)),
      );
    });
  });

  test("the page faults are those that the kernel counts where it gives all answers itself", () => {
    const { faults } = scenario("another PID, no argument, 0 stops, ended by SIGTERM");
    const tracee = Tracee.start(PAUSE.path);
    tracee.next();
    const before = readFaults(tracee.pid);
    for (let stop = tracee.next(); !(stop.kind === "entry" && stop.call === "exit_group"); stop = tracee.next()) {
      expect(stop.kind).not.toBe("ended");
      if (stop.kind === "entry" && stop.call === "rt_sigtimedwait") tracee.signal(15);
    }
    const counted = readFaults(tracee.pid) - before;
    tracee.kill();
    expect(faults).toBe(counted);
  });
});

describe("docs/map.md and its picture", () => {
  test("are what `bun run explain --page` writes of what was built; run it when they are not", () => {
    const all = ARCHITECTURES.map(of);
    expect(read("docs/map.md")).toBe(page(all));
    expect(read(`docs/${PICTURE}`)).toBe(picture(all));
  });
});

describe("bun run explain FILE", () => {
  const folder = mkdtempSync(join("/tmp", "pause-explain-"));
  const explain = (...args: string[]) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([
      process.execPath,
      join(REPOSITORY, "src/explain/cli.ts"),
      ...args,
    ]);
    return { status: exitCode, said: stdout.toString(), complaint: stderr.toString() };
  };

  test("explains a copy of what was built, wherever it lies", () => {
    const copy = join(folder, "copy");
    copyFileSync(PAUSE.path, copy);
    const { status, said, complaint } = explain(copy);
    expect({ status, complaint }).toEqual({ status: 0, complaint: "" });
    expect(read("docs/map.md")).toContain(said.trim());
  });

  test.each([
    [
      "one byte of it changed",
      (bytes: Buffer) => bytes.fill(bytes.readUInt8(0x1234) ^ 1, 0x1234, 0x1235),
      /another file or another build/,
    ],
    ["cut short", (bytes: Buffer) => bytes.subarray(0, 5000), /cut short/],
    ["not an ELF file", () => Buffer.from("#!/bin/sh\n"), /not an ELF file/],
    ["of another machine", (bytes: Buffer) => bytes.fill(0xf3, 18, 19), /a machine that pause is not built for/],
  ] as const)("refuses a file: %s", (name, change, words) => {
    const path = join(folder, name.replaceAll(" ", "-"));
    writeFileSync(path, change(readFileSync(PAUSE.path)));
    const { status, said, complaint } = explain(path);
    expect({ status, said, lines: complaint.trimEnd().split("\n").length }).toEqual({ status: 1, said: "", lines: 1 });
    expect(complaint).toMatch(words);
    rmSync(path);
  });

  test("refuses a file that is not there, and words it does not take", () => {
    for (const args of [[join(folder, "nothing")], ["a", "b"], ["--all"]]) {
      const { status, complaint } = explain(...args);
      expect({ status, lines: complaint.trimEnd().split("\n").length }).toEqual({ status: 1, lines: 1 });
    }
  });
});

function missing(): never {
  throw new Error("it is not there");
}
