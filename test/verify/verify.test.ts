import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Clone } from "../../harness/clone.ts";
import { program as programNeed, testNeeding } from "../../harness/privilege.ts";
import { buildReference } from "../../harness/reference.ts";
import { ARCHITECTURES, hostArchitecture } from "../../src/arch/architectures.ts";
import type { PauseMap } from "../../src/explain/map.ts";
import { assemble } from "../../src/ship/image/assemble.ts";
import { ANOTHER_PROGRAM } from "../../src/ship/verify/report.ts";
import { sha256 } from "../../src/support/hash.ts";

const PROJECT = join(import.meta.dir, "..", "..");
const MINUTES = 60_000;
// The machine may be busy.
setDefaultTimeout(MINUTES);

const host = hostArchitecture();
const other = ARCHITECTURES.find((architecture) => architecture !== host) ?? host;
const BUILT = join(PROJECT, "dist", host.debian, "pause");

const FOLDER = mkdtempSync(join(tmpdir(), "pause-verify-"));
const GIT = Bun.which("git") !== null;
const clone = GIT ? Clone.create(join(FOLDER, "clone")) : Clone.copy(join(FOLDER, "clone"));
const DIST = clone.dist;
const PACKAGE = join(clone.folder, "package.json");
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

/** Its output without the stages' lines, whose times vary. */
function verify(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { said, ...rest } = clone.run(clone.command("src/ship/verify/cli.ts", args), env);
  return { ...rest, lines: said.split("\n").filter((line) => line !== "" && !/^\w+ +\d+\.\d\d s/.test(line)) };
}

/** Puts a file into a new folder, with its neighbours there. */
function place(bytes: Uint8Array, provenance?: unknown): string {
  const folder = mkdtempSync(join(FOLDER, "file-"));
  writeFileSync(join(folder, "pause"), bytes);
  if (provenance !== undefined) writeFileSync(join(folder, "provenance.json"), JSON.stringify(provenance));
  return join(folder, "pause");
}

function missing(): never {
  throw new Error("it is not there");
}

const needingGit = testNeeding(programNeed("git"));

describe("bun run verify", () => {
  const first = GIT ? clone.git("rev-parse", "HEAD") : "";

  needingGit(
    "says in one line that a file is the same, in a clone where nothing was built, and leaves nothing there",
    () => {
      const path = place(readFileSync(BUILT));
      const bytes = statSync(BUILT).size.toLocaleString("en-US");
      expect(verify([path])).toEqual({
        status: 0,
        complaint: "",
        lines: [
          `${path}: the same bytes as a build of commit ${first} (${host.debian}, ${bytes} bytes, SHA-256 ${sha256(readFileSync(BUILT))})`,
        ],
      });
      expect(readdirSync(DIST).toSorted()).toEqual(["debian", "runtime"]);
    },
    2 * MINUTES,
  );

  needingGit(
    "names the page of a changed byte and its origin, and says what else differs by the provenance beside it",
    () => {
      const map: PauseMap = JSON.parse(readFileSync(mapPath(), "utf8"));
      const part = map.parts.find(({ origin }) => origin === "musl") ?? missing();
      const { name, address } = part.functions.find((each) => each.name === "sigwaitinfo") ?? missing();
      const at = (part.offset ?? 0) + address - (part.address ?? 0);
      const bytes = Buffer.concat([readFileSync(BUILT), Buffer.from("m")]);
      const pages = Math.ceil(bytes.length / 4096);
      const pageDown = (offset: number) => offset - (offset % 4096);
      const was = bytes[at] ?? 0;
      bytes.fill(was ^ 0x11, at, at + 1);
      const provenance = JSON.parse(readFileSync(join(BUILT, "../provenance.json"), "utf8"));
      const [library] = provenance.libraries;
      const others = {
        commit: "f".repeat(40),
        bun: { runtime: { sha256: "other" } },
        libraries: [{ ...library, sha256: "another" }, ...provenance.libraries.slice(1)],
        artifacts: [{ path: "pause", sha256: sha256(bytes) }],
      };
      const path = place(bytes, { ...provenance, ...others });
      const source = join(path, "../provenance.json");
      const hex = (value: number) => `0x${value.toString(16)}`;
      const byte = `${hex(was ^ 0x11)} at ${hex(at)}, and in the rebuild ${hex(was)}`;
      const before = clone.git("status", "--porcelain");
      expect(verify([path])).toEqual({
        status: 1,
        complaint: "",
        lines: [
          `${path}: differs from a build of commit ${first} (${host.debian}: SHA-256 is ${sha256(bytes)}, the rebuild's is ${sha256(readFileSync(BUILT))})`,
          `  commit: ${source} says ${"f".repeat(40)}, but this checkout is ${first}; git checkout ${"f".repeat(40)}, and verify again`,
          `  runtime: ${source} says SHA-256 other, but the pinned one is ${provenance.bun.runtime.sha256}`,
          `  library ${library.path.split("/").at(-1)}: ${source} has SHA-256 another, but the rebuild has SHA-256 ${library.sha256}`,
          `  size: ${bytes.length.toLocaleString("en-US")} bytes, and the rebuild has ${(bytes.length - 1).toLocaleString("en-US")} bytes`,
          `  pages: 2 of ${pages} differ; the first byte that does: ${byte}`,
          `    page at offset ${hex(pageDown(at))}, address ${hex(address)}, r-x, musl's functions, from libc.a (${name}): ${byte}`,
          `    page at offset ${hex(pageDown(bytes.length - 1))}, where the rebuild has nothing: 0x6d at ${hex(bytes.length - 1)}, and in the rebuild nothing`,
        ],
      });
      expect([readdirSync(DIST).toSorted(), clone.git("status", "--porcelain")]).toEqual([
        ["debian", "runtime"],
        before,
      ]);
    },
    2 * MINUTES,
  );

  needingGit(
    "names both commits for a file of another commit, by its provenance and by its image's label; at that commit it is the same",
    () => {
      // Another version gives other bytes: those that -v prints.
      writeFileSync(PACKAGE, readFileSync(PACKAGE, "utf8").replace(/"version": ".*"/, '"version": "9.9.9"'));
      expect(verify([BUILT]).lines.slice(0, 2)).toEqual([
        expect.stringContaining(`differs from a build of commit ${first} with changes (package.json) `),
        expect.stringMatching(/^ {2}commit: .*, but this checkout is /),
      ]);
      clone.git("commit", "--quiet", "--all", "--message", "Second");
      const second = clone.git("rev-parse", "HEAD");
      expect(clone.run(clone.command("src/build/cli.ts")).complaint).toBe("");
      expect(clone.run(clone.command("src/ship/image/cli.ts")).complaint).toBe("");
      const archive = join(DIST, "pause.oci.tar");
      expect(verify([archive])).toEqual({
        status: 0,
        complaint: "",
        lines: [
          expect.stringMatching(
            new RegExp(`^\\S+ \\(linux/${host.debian}\\): the same bytes as a build of commit ${second} `),
          ),
        ],
      });
      const kept = [join(DIST, host.debian, "pause"), join(DIST, "provenance.json")].map((path) => ({
        path,
        is: statSync(path).mtimeMs,
      }));

      clone.git("checkout", "--quiet", first);
      for (const [path, source] of [
        [join(DIST, "pause"), join(DIST, "provenance.json")],
        [archive, "the image's label org.opencontainers.image.revision"],
      ] as const) {
        const { status, lines } = verify([path]);
        expect(status).toBe(1);
        expect(lines[0]).toContain(`: differs from a build of commit ${first} (${host.debian}: `);
        expect(lines[1]).toBe(
          `  commit: ${source} says ${second}, but this checkout is ${first}; git checkout ${second}, and verify again`,
        );
        expect(lines.find((line) => line.startsWith("  pages: "))).toMatch(/^ {2}pages: [1-9]\d* of \d+ differ; /);
      }
      for (const { path, is } of kept) expect(statSync(path).mtimeMs).toBe(is);
    },
    5 * MINUTES,
  );

  needingGit(
    "says of an image of another program only that it is another program",
    () => {
      const programs = [{ architecture: host.debian, bytes: readFileSync(buildReference()) }];
      const path = place(
        assemble(
          { name: "localhost/pause:x", file: "pause", user: "65535:65535", labels: {}, timestamp: 0 },
          programs,
          host.debian,
        ).archive,
      );
      expect(verify([path])).toEqual({
        status: 1,
        complaint: "",
        lines: [
          expect.stringContaining(`${path} (linux/${host.debian}): differs from a build of commit ${first} `),
          expect.stringMatching(/^ {2}commit: nothing says which one the file was built from; /),
          `  ${ANOTHER_PROGRAM}`,
        ],
      });
    },
    2 * MINUTES,
  );

  test(
    "leaves nothing in dist if a signal ends it",
    async () => {
      const child = Bun.spawn([...clone.command("src/ship/verify/cli.ts", [place(readFileSync(BUILT))])], {
        stdout: "pipe",
        stderr: "pipe",
      });
      const reader = child.stdout.getReader();
      // The first line is for the runtime, which exists; the folder is made after it.
      await reader.read();
      while (!readdirSync(DIST).some((name) => name.startsWith(".unfinished-")) && child.exitCode === null)
        await Bun.sleep(5);
      child.kill("SIGTERM");
      expect(await child.exited).toBe(128 + 15);
      expect(readdirSync(DIST).filter((name) => name.startsWith(".unfinished-"))).toEqual([]);
    },
    MINUTES,
  );

  test("prints its usage and the meaning of its exit status with --help", () => {
    const { status, lines, complaint } = verify(["--help"]);
    expect([status, lines[0], lines.at(-1), complaint]).toEqual([
      0,
      "usage: bun run verify FILE [--patience SECONDS]",
      "The exit status is 0 if the bytes are the same, 1 if they differ, and 2 if the check could not be made.",
      "",
    ]);
  });

  describe("refuses in one line, without a rebuild,", () => {
    const refused = (args: readonly string[], status: number, line: RegExp, env?: Readonly<Record<string, string>>) =>
      expect(verify(args, env)).toEqual({ status, lines: [], complaint: expect.stringMatching(line) });

    test("a file that is not a pause: 1", () =>
      refused(
        [place(Buffer.from("#!/bin/sh\n"))],
        1,
        /^verify: \S+: neither an ELF file nor an image's archive [^\n]*\n$/,
      ));
    test("a file that does not exist: 2", () =>
      refused([join(FOLDER, "nothing")], 2, /^verify: \S+: cannot be read \([^\n]*\); give a file\n$/));
    test("no QEMU for the other architecture: 2", () =>
      refused(
        [join(PROJECT, "dist", other.debian, "pause")],
        2,
        new RegExp(`^verify: emulated ${other.name} machine: \\S+ not found; on Debian: apt-get install \\S+\\n$`),
        { PATH: "/nonexistent" },
      ));
    for (const [args, line] of [
      [[], "name a file"],
      [["a", "b"], '"b": too many arguments, name one file'],
      [["--arch"], "Unknown option '--arch'[^\\n]*"],
      [["a", "--patience", "0"], "--patience 0: not a number of seconds"],
      [["a", "--patience", "1h"], "--patience 1h: not a number of seconds"],
    ] as const) {
      test(`the arguments ${JSON.stringify(args)}: 2`, () =>
        refused(args, 2, new RegExp(`^verify: ${line}; see bun run verify --help\\n$`)));
    }
  });

  /** The path of the map of the local build, made for the clone: the same bytes have the same map. */
  function mapPath(): string {
    const maps = join(DIST, host.debian);
    mkdirSync(maps);
    try {
      for (const name of ["pause", "pause-static", "pause-dynamic"])
        symlinkSync(join(BUILT, "..", name), join(maps, name));
      expect(clone.run(clone.command("src/explain/cli.ts")).complaint).toBe("");
      cpSync(join(maps, "pause.map.json"), join(FOLDER, "map.json"));
    } finally {
      rmSync(maps, { recursive: true });
    }
    return join(FOLDER, "map.json");
  }
});
