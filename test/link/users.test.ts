import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { CLI, run } from "./others.ts";

setDefaultTimeout(120_000);

const FOLDER = join(TEST_DIST, "users");
const path = (name: string) => join(FOLDER, name);
const environment = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/root" };
const bunStatic = (...words: string[]) => run([process.execPath, CLI, ...words], "", environment, FOLDER);

beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
});
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

/** One line that matches, exit status 1, and nothing new in the folder. */
function refuses(message: RegExp, ...words: string[]): void {
  const before = readdirSync(FOLDER, { recursive: true }).toSorted();
  const { exitCode, stdout, stderr } = bunStatic(...words);
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: "", stderr: expect.stringMatching(message) });
  expect(stderr).toMatch(/^bun-static: [^\n]*\n$/);
  expect(readdirSync(FOLDER, { recursive: true }).toSorted()).toEqual(before);
}

describe("the sources are kept", () => {
  const SOURCE = 'import { word } from "./part.ts";\nconsole.log(word);\n';

  test("whatever names the output: another path, a link, the name of an imported file", () => {
    writeFileSync(path("app.ts"), SOURCE);
    writeFileSync(path("part.ts"), 'export const word = "part";\n');
    linkSync(path("app.ts"), path("hard.ts"));
    symlinkSync("app.ts", path("soft.ts"));
    for (const output of ["app.ts", "./app.ts", path("app.ts"), "hard.ts", "soft.ts"])
      refuses(/is the source itself; name another output with -o/, "app.ts", "-o", output);
    for (const words of [
      ["-o", "part.ts"],
      ["-o", "app", "--metafile=part.ts"],
    ])
      refuses(/part\.ts is a source of the program itself; name another output/, "app.ts", ...words);
    refuses(/is the output and the metafile/, "app.ts", "-o", "app", "--metafile=./app");
    expect(readFileSync(path("app.ts"), "utf8")).toBe(SOURCE);
  });

  test("--metafile makes its folder, as bun build does, and a folder in its place gives one line", () => {
    expect(bunStatic("app.ts", "-o", "app", "--metafile=new/meta.json").exitCode).toBe(0);
    expect(Object.keys(JSON.parse(readFileSync(path("new/meta.json"), "utf8")).inputs)).toContain("app.ts");
    rmSync(path("app"));
    refuses(/new: cannot be written \(EISDIR\)/, "app.ts", "-o", "app", "--metafile=new");
  });
});

test("an empty value is passed on as one, and does not take the next argument", () => {
  writeFileSync(path("banner.ts"), 'console.log("banner");\n');
  expect(bunStatic("banner.ts", "--banner", "", "-o", "banner", "--footer=").exitCode).toBe(0);
  expect(run([path("banner")], "", {}).stdout).toBe("banner\n");
});

test("a source whose name begins like an option is given after --", () => {
  writeFileSync(path("-odd.ts"), 'console.log("odd");\n');
  expect(bunStatic("-o", "odd", "--", "-odd.ts").exitCode).toBe(0);
  expect(run([path("odd")], "", {}).stdout).toBe("odd\n");
});

test("an ELF header that is cut short, and executables of other systems, are called that", () => {
  writeFileSync(path("short"), Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1));
  refuses(/short: cut short: it has 6 bytes, fewer than an ELF header; copy or build it again/, "short");
  writeFileSync(path("other.exe"), "MZ\x90\0");
  refuses(/other\.exe: a Windows executable \(it begins with 4d 5a .*\); build it for Linux/, "other.exe");
});

describe("the folder that it runs in", () => {
  testNeeding(NEEDS.namespaces)("gives one line if another user cannot write to it", () => {
    mkdirSync(path("closed"));
    writeFileSync(path("closed/app.ts"), "");
    chmodSync(path("closed"), 0o555);
    // Root may write anywhere, unless the file system is read-only.
    const script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" && shift && exec "$@"';
    const command = ["unshare", "--mount", "sh", "-c", script, "sh", path("closed"), process.execPath, CLI];
    const { exitCode, stderr } = run([...command, "app.ts", "-o", path("app")], "", environment, FOLDER);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringMatching(/^bun-static: cannot write to the working folder \(EROFS\), where [^\n]*\n$/),
    });
  });
});

const PEAK = join(import.meta.dir, "../../harness/peak.ts");

describe("--check of a program", () => {
  const checked = (source: string, ...words: string[]) => {
    writeFileSync(path("checked.ts"), source);
    const { exitCode, stdout, stderr } = bunStatic("checked.ts", "-o", "checked", "--check", ...words);
    return { exitCode, said: `${stdout}${stderr}`.split("\n").slice(1).join("\n") };
  };

  testNeeding(NEEDS.namespaces)(
    "that prints without end shows the beginning, and needs no more memory for that",
    () => {
      const endless =
        'import { writeSync } from "node:fs"; const b = Buffer.alloc(65536, "a\\n"); for (;;) writeSync(1, b);';
      writeFileSync(path("endless.ts"), endless);
      const peak = path("peak");
      const command = [process.execPath, PEAK, peak, process.execPath, CLI, "endless.ts", "--check"];
      const { stdout } = Bun.spawnSync(command, { cwd: FOLDER, env: environment });
      expect(stdout.toString()).toEndWith(`still ran after 2 s; it printed:\n${"  a\n".repeat(20)}  and more\n`);
      // The linker itself needs some 300 MB; all that was printed is several GB.
      expect(Number(readFileSync(peak, "utf8"))).toBeWithin(1, 1_000_000_000);
    },
  );

  testNeeding(NEEDS.namespaces)("shows a long line's beginning, and nothing that a terminal would obey", () => {
    expect(checked('console.log("x".repeat(5e6)); console.error("\\x1b[2J\\x1b[31mred\\x07\\rend");')).toEqual({
      exitCode: 0,
      said: `checked: starts in an empty root, and ended with 0; it printed:\n  ${"x".repeat(200)}...\n  red\n  end\n  and more\n`,
    });
  });

  testNeeding(NEEDS.namespaces)("takes no words of the program for a message of chroot, or for Bun's help", () => {
    const words = 'console.log("Bun is a fast JavaScript runtime"); console.error("chroot: no"); process.exit(127);';
    expect(checked(words)).toEqual({
      exitCode: 1,
      said: expect.stringMatching(
        /^bun-static: checked ended with 127 in an empty root, without arguments; it printed:/,
      ),
    });
  });

  testNeeding(NEEDS.namespaces)("runs the file that a symbolic link leads to, and refuses a device", () => {
    mkdirSync(path("elsewhere"), { recursive: true });
    symlinkSync("elsewhere/file", path("link"));
    writeFileSync(path("app2.ts"), 'console.log("linked");');
    expect(bunStatic("app2.ts", "-o", "link", "--check").stdout).toEndWith("it printed:\n  linked\n");
    const { exitCode, stderr } = bunStatic("app2.ts", "-o", "/dev/null", "--check");
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: "bun-static: /dev/null is not a file, so --check cannot run it: name a file\n",
    });
  });
});
