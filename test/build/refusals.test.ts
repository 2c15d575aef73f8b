import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NEEDS, program, testNeeding } from "../../harness/privilege.ts";
import { ARCHITECTURES, hostArchitecture } from "../../src/arch/architectures.ts";

const PROJECT = join(import.meta.dir, "..", "..");
const MINUTES = 60_000;

const host = hostArchitecture();
const other = ARCHITECTURES.find((architecture) => architecture !== host) ?? host;

/** A copy of the sources, whose dist the tests can fill, empty and inspect. It shares the project's downloads. */
const COPY = mkdtempSync(join(tmpdir(), "pause-build-"));
const DIST = join(COPY, "dist");
const PACKAGES = join(PROJECT, "dist", "debian");
const LISTS = `system-${other.debian}`;

/** The files of an earlier build. */
const NAMES = ["pause", "pause-static", "pause-dynamic", "provenance.json"];
const BEFORE = ["", host.debian, other.debian].flatMap((folder) => NAMES.map((name) => join(folder, name))).toSorted();

beforeAll(() => {
  for (const name of ["src", "package.json"]) cpSync(join(PROJECT, name), join(COPY, name), { recursive: true });
});
afterAll(() => rmSync(COPY, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(DIST, { recursive: true, force: true });
  fill(DIST);
});

/** Puts an earlier build's files, and the project's downloads, into dist. */
function fill(dist: string): void {
  for (const path of BEFORE) {
    mkdirSync(join(dist, path, ".."), { recursive: true });
    writeFileSync(join(dist, path), path);
  }
  symlinkSync(join(PROJECT, "dist", "runtime"), join(dist, "runtime"));
  symlinkSync(PACKAGES, join(dist, "debian"));
}

/** The files of dist, without downloads, whose contents are unchanged. */
const kept = () => files(DIST).filter((path) => readFileSync(join(DIST, path), "utf8") === path);
const files = (dist: string) =>
  readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dist.length + 1))
    .filter((path) => !/^(debian|runtime)\//.test(path))
    .toSorted();

type Run = {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly within?: readonly string[];
};

/** Runs `bun run build` in the copy. `within`: a command that starts it. */
function build({ args = [], env = {}, within = [] }: Run) {
  const command = [...within, process.execPath, join(COPY, "src", "build", "cli.ts"), ...args];
  const { exitCode, stderr } = Bun.spawnSync(command, {
    cwd: COPY,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  return { exitCode, stderr: stderr.toString() };
}

/** Expects it to end with one line and to leave dist unchanged. */
function refused(run: Run, line: RegExp): void {
  expect(build(run)).toEqual({ exitCode: 1, stderr: expect.stringMatching(line) });
  expect(files(DIST)).toEqual(BEFORE);
  expect(kept()).toEqual(BEFORE);
}

describe("bun run build refuses in one line, and leaves dist as it was", () => {
  const usage = `; usage: bun run build \\[--arch NAME\\] \\[--patience SECONDS\\], NAME is one of amd64, arm64, all; .*\\n$`;
  const words = [
    ["an unknown architecture", ["--arch", "sparc"], "--arch sparc: pause is not built for this architecture"],
    ["an unknown option", ["--arhc", "arm64"], "Unknown option '--arhc'.*"],
    ["an extra argument", ["arm64"], "Unexpected argument 'arm64'.*"],
    ["an option without its value", ["--arch"], "Option '--arch <value>' argument missing"],
    ["a patience that is not a number", ["--patience", "1h"], "--patience 1h: not a number of seconds"],
  ] as const;
  for (const [what, args, line] of words) test(what, () => refused({ args }, new RegExp(`^build: ${line}${usage}`)));

  test("--help prints the usage and builds nothing", () => {
    expect(build({ args: ["--help"] })).toEqual({ exitCode: 0, stderr: "" });
    expect(kept()).toEqual(BEFORE);
  });

  test("a missing QEMU, before it builds anything for this machine", () => {
    const { program, package: from } = other.emulator;
    const line = new RegExp(
      `^build: emulated ${other.name} machine: ${program} not found; on Debian: apt-get install ${from}\\n$`,
    );
    refused({ args: ["--arch", "all"], env: { PATH: "/nonexistent" } }, line);
  });
});

describe("on a machine where no program can be traced", () => {
  const strace = Bun.which("strace") ?? "strace";
  testNeeding(program("strace"))(
    "an emulated machine takes the snapshot, and the build names the package of a missing emulator",
    () => {
      const { emulator, name } = host;
      const line = new RegExp(
        `^build: emulated ${name} machine: ${emulator.program} not found; on Debian: apt-get install \\S+\\n$`,
      );
      refused({ within: [strace, "-f", "-o", "/dev/null"], env: { PATH: "/nonexistent" } }, line);
    },
    MINUTES,
  );
});

describe("a failed download gives one line, and leaves dist as it was", () => {
  /** Without a network, nothing is tried twice. */
  const offline = ["unshare", "--net"];
  const env = { APT_CONFIG: join(COPY, "apt.conf") };
  const archive = `Debian \\(this system's suite\\) for ${other.debian}`;
  const advice = "check that apt-get update works here and that the disk has room, then try again";

  beforeAll(() => writeFileSync(env.APT_CONFIG, 'Acquire::Retries "0";\n'));
  /** Has every download except the packages matching `missing`. */
  const without = (missing: RegExp) => {
    rmSync(join(DIST, "debian"));
    const [from, to] = [join(PACKAGES, LISTS), join(DIST, "debian", LISTS)];
    for (const name of ["lists", "sources.list"]) cpSync(join(from, name), join(to, name), { recursive: true });
    mkdirSync(join(to, "packages"));
    for (const name of readdirSync(join(from, "packages")))
      if (!missing.test(name)) symlinkSync(join(from, "packages", name), join(to, "packages", name));
  };

  for (const [what, missing, name] of [
    ["a kernel", /^linux-image/, "linux-image-\\S+"],
    ["a library", /^musl/, "musl"],
  ] as const) {
    testNeeding(NEEDS.namespaces, NEEDS.otherArchitecture)(
      what,
      () => {
        without(missing);
        refused(
          { args: ["--arch", other.debian], env, within: offline },
          new RegExp(
            `^build: downloading ${name} of ${archive} to \\S+/packages: E: Failed to fetch [^\\n]*; ${advice}\\n$`,
          ),
        );
      },
      MINUTES,
    );
  }

  testNeeding(NEEDS.namespaces, NEEDS.otherArchitecture)(
    "the lists of packages",
    () => {
      rmSync(join(DIST, "debian"));
      mkdirSync(join(DIST, "debian"));
      refused(
        { args: ["--arch", other.debian], env, within: offline },
        new RegExp(`^build: fetching the package lists of ${archive}: E: [^\\n]*; ${advice}\\n$`),
      );
    },
    MINUTES,
  );
});

testNeeding(NEEDS.otherArchitecture)(
  "a machine that runs past its time gives one line, and leaves dist as it was",
  () => {
    const { program, baseline } = other.emulator;
    const folder = join(COPY, "in-the-place-of-qemu");
    mkdirSync(folder);
    writeFileSync(join(folder, program), "#!/bin/sh\nexec sleep 1000\n", { mode: 0o755 });
    const run = { args: ["--arch", other.debian, "--patience", "1"], env: { PATH: `${folder}:${process.env.PATH}` } };
    refused(
      run,
      new RegExp(
        `^build: emulated ${other.name} machine \\(${baseline}, Linux \\S+\\): still running after its 1 s; where emulation is slow, allow it more; it printed nothing, [^\\n]*\\n$`,
      ),
    );
  },
  2 * MINUTES,
);

describe("a full disk gives one line, and leaves dist as it was", () => {
  /** Gives the command a separate file system for dist, and copies its contents back afterwards. */
  const within = (options: string, after = ""): readonly string[] => [
    ...["unshare", "--mount", "sh", "-c"],
    `mv dist there && mkdir dist && mount -t tmpfs -o ${options} none dist && cp -a there/. dist && ${after} "$@"; status=$?
     rm -rf there && cp -a dist there && umount dist && rmdir dist && mv there dist; exit $status`,
    "sh",
  ];

  const cases = [
    ["while Bun compiles", "size=50m", "bun build --compile exited with 1: [^\\n]*ENOSPC[^\\n]*; make room for dist"],
    [
      "while the linked file is written",
      "size=150m",
      "\\S+/pause-static: cannot be written \\(ENOSPC\\); there is no room for its [\\d,]+ bytes: make room, [^\\n]*",
    ],
    ["while the files for this machine are copied", "size=300m", "put: ENOSPC: [^\\n]*; make room in \\S+"],
  ] as const;
  for (const [when, options, line] of cases) {
    testNeeding(NEEDS.namespaces)(
      when,
      () => refused({ within: within(options) }, new RegExp(`^build: ${line}\\n$`)),
      2 * MINUTES,
    );
  }

  testNeeding(NEEDS.namespaces)(
    "and so does a disk that cannot be written",
    () => {
      refused(
        { within: within("size=1m", "mount -o remount,ro dist &&") },
        /^build: \S+\/dist: cannot make a folder there \(EROFS\); make it writable, with room\n$/,
      );
    },
    MINUTES,
  );
});
