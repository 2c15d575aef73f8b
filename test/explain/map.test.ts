import { beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PAUSE } from "../../harness/artifacts.ts";
import { TEST_DIST } from "../../harness/compile.ts";
import { RUN } from "../../harness/run.ts";
import { straced } from "../../harness/strace.ts";
import type { Architecture } from "../../src/arch/architecture.ts";
import { ARCHITECTURES, hostArchitecture } from "../../src/arch/architectures.ts";
import { fetchArchive, installedArchive } from "../../src/build/debian/archive.ts";
import { DEBIAN_CACHE } from "../../src/build/machine/debian.ts";
import { writeMap } from "../../src/explain/files.ts";
import type { Origin, PauseMap } from "../../src/explain/map.ts";
import { PICTURE, page } from "../../src/explain/map-page.ts";
import { picture } from "../../src/explain/picture.ts";
import { PAUSE_CALLS } from "../../src/pause/entry.ts";
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
const part = ({ parts }: PauseMap, wanted: Origin) => parts.find(({ origin }) => origin === wanted) ?? missing();

describe.each(ARCHITECTURES.map((architecture) => [architecture.debian, architecture] as const))(
  "the map of dist/%s/pause",
  (debian, architecture) => {
    test("has each page that readelf sees a segment load, and every page of the file once", async () => {
      const headers = await Bun.$`readelf -lW ${built(architecture)}`.text();
      const segments = [...headers.matchAll(/^ +LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+) (0x\w+) ([RWE ]{3})/gm)].map(
        ([, offset, address, , size, flags = ""]) => ({
          offset: Number(offset),
          address: Number(address),
          size: Number(size),
          flags,
        }),
      );
      const expected = segments.flatMap(({ address, size, flags }) =>
        Array.from({ length: size / 4096 }, (_, index) => ({
          address: address + index * 4096,
          protection: flags.toLowerCase().replace("e", "x").replaceAll(" ", "-"),
        })),
      );
      const map = of(architecture);
      expect(map.pages.map(({ address, protection }) => ({ address, protection }))).toEqual(expected);
      // The parts are adjacent, from the start of the first segment to the file's end.
      const inFile = map.parts.flatMap(({ offset, size }) => (offset === null ? [] : [{ offset, size }]));
      inFile.reduce((end, { offset, size }) => {
        expect(offset).toBe(end);
        return end + size;
      }, segments[0]?.offset ?? -1);
      expect(inFile.reduce((end, { size }) => end + size, segments[0]?.offset ?? -1)).toBe(
        readFileSync(built(architecture)).length,
      );
    });

    test("has no page that no scenario touches, and none that is both writable and executable", () => {
      for (const { scenarios, protection } of of(architecture).pages) {
        expect(scenarios.length).toBeGreaterThan(0);
        expect(protection).not.toBe("rwx");
      }
    });

    test("has the C library's functions as ld makes them from the same archive, and names each", async () => {
      const archive =
        architecture === hostArchitecture()
          ? installedArchive(architecture)
          : await fetchArchive(RUN, architecture, DEBIAN_CACHE);
      const musl = part(of(architecture), "musl");
      const names = musl.functions.map(({ name }) => name);
      for (const name of PAUSE_CALLS) expect(names).toContain(name);
      // What does not run is what a stack protector would call.
      const idle = musl.functions.filter(({ runs }) => !runs).map(({ name }) => name);
      expect(idle.filter((name) => !name.startsWith("__stack_chk"))).toEqual([]);
      const file = readFileSync(built(architecture));
      for (const { name, address, size } of musl.functions.filter(({ name }) => PAUSE_CALLS.includes(name))) {
        const symbols = await Bun.$`${OBJDUMP[debian]?.[0] ?? ""} -t ${archive}`.quiet().text();
        expect(symbols).toContain(name);
        const at = (musl.offset ?? 0) + address - (musl.address ?? 0);
        expect(file.subarray(at, at + size).some((byte) => byte !== 0)).toBe(true);
      }
    });

    test("has the messages in its template, and nothing of the data's page in the file", () => {
      const file = readFileSync(built(architecture));
      const { offset, size } = part(of(architecture), "template");
      const template = file.subarray(offset ?? 0, (offset ?? 0) + size);
      expect(template.includes("Shutting down, got signal: Terminated\n")).toBe(true);
      expect(part(of(architecture), "data").offset).toBeNull();
    });

    test("names each place where objdump finds an instruction that enters the kernel, and each call of a scenario at one", async () => {
      const { callSites, scenarios } = of(architecture);
      const code = of(architecture).parts.flatMap(({ address, offset, size, origin }) =>
        address === null || offset === null || origin === "template" || origin === "headers"
          ? []
          : [{ address, offset, size }],
      );
      const found: number[] = [];
      for (const { address, offset, size } of code) {
        const piece = join(TEST_DIST, `explain-${debian}.bin`);
        mkdirSync(TEST_DIST, { recursive: true });
        writeFileSync(piece, readFileSync(built(architecture)).subarray(offset, offset + size));
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
      expect(found.length).toBeGreaterThan(8);
      expect(found.filter((address) => !places.includes(address))).toEqual([]);
      for (const { calls } of scenarios)
        for (const { at, call } of calls)
          expect(callSites.find(({ address }) => address === at)?.calls, call).toContain(call);
    });

    test("counts no more page faults than pages touched and written to later, and no fewer than pages written", () => {
      const { scenarios } = of(architecture);
      scenarios.forEach(({ faults, name }, index) => {
        const touched = of(architecture).pages.filter((each) => each.scenarios.includes(index));
        const writable = touched.filter(({ protection }) => protection.includes("w"));
        expect(faults, name).toBeGreaterThanOrEqual(writable.length);
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

  test("the page faults are those that the kernel counts if it gives all answers itself", () => {
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
  test("match what `bun run explain --page` writes of the build; if not, run it", () => {
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

  test("explains a copy of a built file, wherever it lies", () => {
    const copy = join(folder, "copy");
    copyFileSync(PAUSE.path, copy);
    const { status, said, complaint } = explain(copy);
    expect({ status, complaint }).toEqual({ status: 0, complaint: "" });
    expect(read("docs/map.md")).toContain(said.trim());
  });

  test.each([
    [
      "with one byte changed",
      (bytes: Buffer) => bytes.fill(bytes.readUInt8(0x1234) ^ 1, 0x1234, 0x1235),
      /this is another file, or of another build/,
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

  test("refuses a file that is not regular, and extra arguments", () => {
    const pipe = join(folder, "pipe");
    Bun.spawnSync(["mkfifo", pipe]);
    for (const args of [[join(folder, "nothing")], ["/dev/zero"], [pipe], [folder], ["a", "b"], ["--all"]]) {
      const { status, complaint } = explain(...args);
      expect({ status, lines: complaint.trimEnd().split("\n").length }).toEqual({ status: 1, lines: 1 });
    }
  });
});

function missing(): never {
  throw new Error("it is not there");
}
