import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { link } from "../../src/link/index.ts";
import { CLI, run, succeed } from "./others.ts";

const MINUTES = 60_000;
const FOLDER = join(TEST_DIST, "bun-static");
const path = (name: string) => join(FOLDER, name);
const environment = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/root" };

/** Most tests here start from this source and bun-static's output for it. */
beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(
    path("hello.ts"),
    'console.log("hello", process.argv.slice(2).join(), process.env.LD_PRELOAD ?? "");\n',
  );
  succeed(
    [process.execPath, "build", "--compile", "--target=bun-linux-x64-musl", "hello.ts", "--outfile", "hello-dynamic"],
    FOLDER,
  );
  succeed([process.execPath, CLI, "hello-dynamic", "-o", "hello"], FOLDER);
}, 3 * MINUTES);
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const bunStatic = (...words: string[]) => run([process.execPath, CLI, ...words], "", environment, FOLDER);
/** The processes that have `word` on their command lines, proc(5). */
const runningWith = (word: string) =>
  readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandLineOf(pid).includes(word));

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** The beginning of Bun's help. */
const HELP =
  "Bun is a fast JavaScript runtime, package manager, bundler, and test runner. (1.3.10)\n\nUsage: bun <command>";

const leftovers = () => readdirSync(FOLDER).filter((name) => name.includes(".tmp"));

describe("bun-static as its users run it", () => {
  test(
    "passes the options of bun build on, and shows Bun's output above the refusal",
    () => {
      writeFileSync(path("broken.ts"), "const = 1;\n");
      const { exitCode, stderr } = bunStatic("broken.ts", "--minify", "--define", "A=1");
      expect(exitCode).toBe(1);
      expect(stderr).toContain("broken.ts:1");
      expect(stderr).toMatch(/bun-static: bun build --compile exited with 1; see its output above\n$/);
      expect(existsSync(path("broken"))).toBe(false);
    },
    MINUTES,
  );

  testNeeding(NEEDS.namespaces)(
    "--check says what the program printed and how it ended, and fails if the program failed",
    () => {
      expect(bunStatic("hello-dynamic", "-o", "checked", "--check").stdout).toContain(
        "checked: starts in an empty root, and ended with 0; it printed:\n  hello\n",
      );
      const checked = (name: string, source: string) => {
        writeFileSync(path(`${name}.ts`), source);
        const { exitCode, stdout, stderr } = bunStatic(`${name}.ts`, "--check");
        return { exitCode, said: `${stdout}${stderr}`.slice(`${stdout}${stderr}`.indexOf(`${name} `)) };
      };
      expect(checked("dies", 'process.kill(process.pid, "SIGSEGV"); await Bun.sleep(1000);\n')).toEqual({
        exitCode: 1,
        said: "dies was ended by SIGSEGV in an empty root; it printed nothing\n",
      });
      expect(
        checked("fails", 'console.log("no"); console.error(process.env.PATH, process.env.HOME); process.exit(1);\n'),
      ).toEqual({
        exitCode: 1,
        said: "fails ended with 1 in an empty root, without arguments; it printed:\n  no\n  /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /\n",
      });
      writeFileSync(path("waits.ts"), 'console.log("waits"); setInterval(() => {}, 1000);\n');
      expect(bunStatic("waits.ts", "--check").stdout).toEndWith(
        "waits: starts in an empty root, and still ran after 2 s; it printed:\n  waits\n",
      );
      // Plays a Bun that finds no program in itself.
      expect(checked("helps", `console.log(${JSON.stringify(HELP)});\n`)).toEqual({
        exitCode: 1,
        said: expect.stringMatching(
          /^helps did not run its program in an empty root: Bun before 1\.3\.11 finds it only through \/proc/,
        ),
      });
    },
    2 * MINUTES,
  );

  test("an unusable folder for temporary files gives one line, also if the folder's .env names it", () => {
    mkdirSync(path("dotenv"), { recursive: true });
    writeFileSync(path("dotenv/.env"), "TMPDIR=/nowhere\n");
    writeFileSync(path("dotenv/app.ts"), "");
    const { exitCode, stdout, stderr } = run([process.execPath, CLI, "app.ts"], "", environment, path("dotenv"));
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 1,
      stdout: "",
      stderr:
        "bun-static: /nowhere: cannot make a folder there (ENOENT); set TMPDIR to a folder with room that you can write to\n",
    });
  });

  test(
    "names an addon that was built for glibc, and says why it will not load",
    () => {
      succeed(
        [
          "gcc",
          "-shared",
          "-nostdlib",
          "-Wl,--no-as-needed",
          "-o",
          "glibc.node",
          "-x",
          "c",
          "/dev/null",
          "-x",
          "none",
          "/lib64/ld-linux-x86-64.so.2",
        ],
        FOLDER,
      );
      writeFileSync(path("addon.ts"), 'console.log(process.argv.length > 5 ? require("./glibc.node") : "");\n');
      expect(bunStatic("addon.ts").stderr).toMatch(
        /bun-static: warning: glibc-?\w*\.node will not load: it was built for glibc \(it needs ld-linux-x86-64\.so\.2\): install the package's variant for musl\n/,
      );
    },
    MINUTES,
  );
});

describe("a linked file and other programs", () => {
  test("file and ldd call it static", () => {
    expect(succeed(["file", "hello"], FOLDER)).toContain("statically linked");
    expect(run(["ldd", "hello"], "", environment, FOLDER).stderr).toContain("not a dynamic executable");
  });

  test(
    "no variable makes its loader look for a file, unless asked for; its children still get the variables",
    () => {
      writeFileSync(path("preloaded.c"), "int nobody_has_this(void); int (*pointer)(void) = nobody_has_this;\n");
      succeed(["gcc", "-shared", "-fPIC", "-nostdlib", "-o", "preloaded.so", "preloaded.c"], FOLDER);
      const env = { ...environment, LD_PRELOAD: path("preloaded.so"), LD_LIBRARY_PATH: "/nowhere" };
      expect(run([path("hello"), "a"], "", env)).toEqual({
        exitCode: 0,
        stdout: `hello a ${path("preloaded.so")}\n`,
        stderr: "",
      });
      bunStatic("hello-dynamic", "-o", "heeding", "--loader-variables");
      const { exitCode, stderr } = run([path("heeding")], "", env);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 127,
        stderr: expect.stringContaining("preloaded.so: nobody_has_this: symbol not found"),
      });
    },
    MINUTES,
  );
});

describe("the output", () => {
  test(
    "a device stays a device, a pipe gets the bytes, a symbolic link stays",
    async () => {
      expect(bunStatic("hello-dynamic", "-o", "/dev/null").exitCode).toBe(0);
      expect(statSync("/dev/null").isCharacterDevice()).toBe(true);
      succeed(
        ["sh", "-c", `mkfifo pipe; cat pipe > piped & ${process.execPath} ${CLI} hello-dynamic -o pipe; wait`],
        FOLDER,
      );
      expect(readFileSync(path("piped")).equals(readFileSync(path("hello")))).toBe(true);
      writeFileSync(path("behind"), "");
      symlinkSync("behind", path("link"));
      expect(bunStatic("hello-dynamic", "-o", "link").exitCode).toBe(0);
      expect([lstatSync(path("link")).isSymbolicLink(), statSync(path("behind")).size]).toEqual([
        true,
        statSync(path("hello")).size,
      ]);
    },
    MINUTES,
  );

  test(
    "its mode is an executable's under the umask",
    () => {
      succeed(["sh", "-c", `umask 027; ${process.execPath} ${CLI} hello-dynamic -o masked`], FOLDER);
      expect(statSync(path("masked")).mode & 0o777).toBe(0o750);
    },
    MINUTES,
  );

  test(
    "a signal during the write ends the command by that signal, and keeps the old file",
    async () => {
      writeFileSync(path("old"), "old");
      const child = Bun.spawn([process.execPath, CLI, "hello-dynamic", "-o", "old"], {
        cwd: FOLDER,
        stdout: "pipe",
        stderr: "pipe",
      });
      while (leftovers().length === 0 && child.exitCode === null) await Bun.sleep(1);
      child.kill("SIGTERM");
      expect({ exitCode: await child.exited, stderr: await child.stderr.text() }).toEqual({
        exitCode: 143,
        stderr: "bun-static: ended by SIGTERM\n",
      });
      expect([readFileSync(path("old"), "utf8"), leftovers()]).toEqual(["old", []]);
    },
    MINUTES,
  );

  testNeeding(NEEDS.namespaces)(
    "a signal at any moment of compiling, linking and checking leaves no file and no process",
    async () => {
      const folder = path("signalled");
      for (const name of ["tmp", "out"]) mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, "waits.ts"), "setInterval(() => {}, 1000);\n");
      const env = { ...environment, TMPDIR: join(folder, "tmp") };
      const moments = [50, 200, 350, 500, 650, 800, 1000, 1300, 1700, 2300, 3000];
      for (const [index, moment] of moments.entries()) {
        const signal = (["SIGINT", "SIGTERM", "SIGHUP"] as const)[index % 3] ?? "SIGTERM";
        const child = Bun.spawn([process.execPath, CLI, "waits.ts", "-o", "out/waits", "--check"], {
          ...{ cwd: folder, env, stdout: "ignore", stderr: "pipe" },
        });
        await Bun.sleep(moment);
        child.kill(signal);
        const status = await child.exited;
        const said = await child.stderr.text();
        // Before its first line runs, the signal ends it like any process.
        const words = ["", `bun-static: ended by ${signal}\n`];
        if (status !== 0)
          expect({ moment, status, said: words.includes(said) ? "" : said }).toEqual({
            ...{ moment, said: "" },
            status: 128 + constants.signals[signal],
          });
        const outputs = readdirSync(join(folder, "out"), { recursive: true }).filter((name) => name !== "waits");
        expect({
          moment,
          tmp: readdirSync(join(folder, "tmp")),
          here: readdirSync(folder).toSorted(),
          outputs,
        }).toEqual({
          ...{ moment, tmp: [], here: ["out", "tmp", "waits.ts"], outputs: [] },
        });
        rmSync(join(folder, "out"), { recursive: true });
        mkdirSync(join(folder, "out"));
      }
      expect(runningWith(folder)).toEqual([]);
    },
    3 * MINUTES,
  );

  testNeeding(NEEDS.namespaces)(
    "a full disk is reported, and nothing is left on it",
    () => {
      const script = `mkdir full && mount -t tmpfs -o size=20m none full && ${process.execPath} ${CLI} hello-dynamic -o full/hello; echo $? $(ls -A full | wc -l)`;
      const { stdout, stderr } = run(["unshare", "--mount", "sh", "-c", script], "", environment, FOLDER);
      expect(stderr).toMatch(
        /^bun-static: full\/hello: cannot be written \(ENOSPC\); there is no room for its [\d,]+ bytes: make room, or choose an output on another file system\n$/,
      );
      expect(stdout).toBe("1 0\n");
    },
    MINUTES,
  );
});

describe("as a library", () => {
  test(
    "link gives the same bytes as the command, and says what is in them",
    () => {
      const input = new Uint8Array(readFileSync(path("hello-dynamic")));
      const before = Bun.hash(input);
      const executable = link(input);
      expect(Bun.hash(input)).toBe(before);
      expect(executable.toBytes()).toEqual(new Uint8Array(readFileSync(path("hello"))));
      expect(executable).toMatchObject({
        size: statSync(path("hello")).size,
        target: "bun-linux-x64-musl",
        bun: Bun.version,
        bundled: true,
        addons: [],
      });
    },
    MINUTES,
  );
});
