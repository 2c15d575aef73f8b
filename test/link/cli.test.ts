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
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { documentedCommand } from "../../harness/documented.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { link } from "../../src/link/index.ts";
import { CLI, rootFor, run, runAlone, succeed } from "./others.ts";

const MINUTES = 60_000;
const PROJECT = join(import.meta.dir, "..", "..");
const FOLDER = join(TEST_DIST, "bun-static");
const path = (name: string) => join(FOLDER, name);
const environment = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/root" };

/** A source, and what bun-static makes of it, which most tests here start from. */
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
const leftovers = () => readdirSync(FOLDER).filter((name) => name.includes(".tmp"));

describe("bun-static where its users are", () => {
  testNeeding(NEEDS.namespaces)(
    "npm pack, then bunx --package in an empty folder: compiles, links, and the file runs alone in its root",
    () => {
      succeed(["npm", "pack", "--silent", "--pack-destination", FOLDER], PROJECT);
      const [tarball = ""] = readdirSync(FOLDER).filter((name) => name.endsWith(".tgz"));
      const inside = succeed(["tar", "--list", "--file", path(tarball)], FOLDER)
        .trim()
        .split("\n");
      expect(
        inside.filter(
          (name) =>
            !/^package\/(src\/(addons|arch|elf|link|support)\/|docs\/link\.md|LICENSE|NOTICE|README\.md|package\.json)/.test(
              name,
            ),
        ),
      ).toEqual([]);
      const user = path("user");
      mkdirSync(user);
      writeFileSync(join(user, "app.ts"), 'console.log("from a tarball");\n');
      // The two pages have one line.
      const line = documentedCommand("README.md", "npx -y bun@1.4.5 x ");
      expect(documentedCommand("docs/link.md", "npx -y bun@1.4.5 x ")).toBe(line);
      const words = line.replace("/path/to/pause-0.1.0.tgz", path(tarball)).split(" ").slice(3);
      const { exitCode, stdout, stderr } = run([process.execPath, ...words], "", environment, user);
      expect({ exitCode, stderr: stderr.match(/bun-static: .*/)?.[0] }).toEqual({ exitCode: 0, stderr: undefined });
      expect(stdout).toMatch(
        /^app: [\d,]+ bytes, linux-x64-musl, Bun 1\.\d+\.\d+; with .*libstdc\+\+\.so\.6, .*libgcc_s\.so\.1, .*ld-musl-x86_64\.so\.1\n$/,
      );
      expect(runAlone(rootFor("tarball", join(user, "app")), [])).toEqual({
        exitCode: 0,
        stdout: "from a tarball\n",
        stderr: "",
      });
    },
    3 * MINUTES,
  );

  test(
    "what bun build takes is handed on, and what Bun said stands above the refusal",
    () => {
      writeFileSync(path("broken.ts"), "const = 1;\n");
      const { exitCode, stderr } = bunStatic("broken.ts", "--minify", "--define", "A=1");
      expect(exitCode).toBe(1);
      expect(stderr).toContain("broken.ts:1");
      expect(stderr).toMatch(/bun-static: bun build --compile ended with 1; what it found stands above\n$/);
      expect(existsSync(path("broken"))).toBe(false);
    },
    MINUTES,
  );

  testNeeding(NEEDS.namespaces)(
    "--check says whether the result starts alone",
    () => {
      expect(bunStatic("hello-dynamic", "-o", "checked", "--check").stdout).toContain(
        "checked: starts in an empty root, and ended with 0; it printed:\n  hello\n",
      );
      writeFileSync(path("dies.ts"), 'process.kill(process.pid, "SIGSEGV"); await Bun.sleep(1000);\n');
      const { exitCode, stderr } = bunStatic("dies.ts", "--check");
      expect({ exitCode, stderr: stderr.match(/bun-static: .*SIG\w+/)?.[0] }).toEqual({
        exitCode: 1,
        stderr: "bun-static: dies was ended by SIGSEGV",
      });
    },
    MINUTES,
  );

  test(
    "an addon that was built for glibc is named, and why it will not load",
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

describe("what a linked file is to others", () => {
  test("file and ldd call it static", () => {
    expect(succeed(["file", "hello"], FOLDER)).toContain("statically linked");
    expect(run(["ldd", "hello"], "", environment, FOLDER).stderr).toContain("not a dynamic executable");
  });

  test(
    "no variable makes its loader look for a file, unless asked for; its children still get them",
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
    "its mode is an executable's less the umask",
    () => {
      succeed(["sh", "-c", `umask 027; ${process.execPath} ${CLI} hello-dynamic -o masked`], FOLDER);
      expect(statSync(path("masked")).mode & 0o777).toBe(0o750);
    },
    MINUTES,
  );

  test(
    "a signal while it is written ends it as a signal does, and leaves the old file alone",
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
    "a full disk is called one, and nothing is left on it",
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

  test("pause/link is what a package that depends on this imports", () => {
    mkdirSync(path("node_modules"), { recursive: true });
    symlinkSync(PROJECT, path("node_modules/pause"));
    writeFileSync(
      path("uses.ts"),
      'import { link, LinkError } from "pause/link";\ntry { link("nowhere"); } catch (error) { console.log(error instanceof LinkError, String(error)); }\n',
    );
    expect(run([process.execPath, "uses.ts"], "", environment, FOLDER).stdout).toStartWith(
      "true LinkError: nowhere: cannot be read (ENOENT)",
    );
  });
});
