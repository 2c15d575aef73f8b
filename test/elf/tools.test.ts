import { afterAll, describe, expect } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PAUSE } from "../../harness/artifacts.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { version } from "../../package.json";

/** What tools do to finished files: each leaves one that runs, or refuses and leaves the file unchanged. */
const FOLDER = mkdtempSync(join("/tmp", "pause-tools-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

const run = (command: readonly string[]) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd: FOLDER });
  return { status: exitCode, said: `${stdout}${stderr}` };
};

/** Copies the shipped file. */
function copy(name: string): string {
  const path = join(FOLDER, name);
  copyFileSync(PAUSE.path, path);
  return path;
}

const prints = (path: string) => expect(run([path, "-v"])).toEqual({ status: 0, said: `pause.ts ${version}\n` });

/** Commands by tool; `new` is the file to run afterwards. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  strip: ["strip", "old", "-o", "new"],
  "strip --strip-unneeded, in place": ["strip", "--strip-unneeded", "new"],
  objcopy: ["objcopy", "old", "new"],
  "objcopy --strip-all": ["objcopy", "--strip-all", "old", "new"],
  install: ["install", "-s", "old", "new"],
  debugedit: ["debugedit", "-b", "/from", "-d", "/to", "new"],
  "eu-strip": ["eu-strip", "old", "-o", "new"],
};

describe("common tools take it for an ordinary file", () => {
  for (const [name, command] of Object.entries(COMMANDS)) {
    testNeeding(program(command[0] ?? ""))(`${name} leaves a file that runs`, () => {
      copy("old");
      copy("new");
      const before = readFileSync(join(FOLDER, "new"));
      const { status } = run(command);
      if (status !== 0) expect(readFileSync(join(FOLDER, "new")).equals(before)).toBe(true);
      prints(join(FOLDER, "new"));
    });
  }

  testNeeding(program("readelf"))("readelf prints no warning", () => {
    const { status, said } = run(["readelf", "-aW", copy("seen")]);
    expect(status).toBe(0);
    expect(said.split("\n").filter((line) => /^readelf: (Warning|Error)/.test(line))).toEqual([]);
  });

  testNeeding(program("clamscan"))("clamscan does not call it broken", () => {
    // A database with one signature that matches nothing, because only the format matters here.
    writeFileSync(join(FOLDER, "none.hdb"), `${"0".repeat(31)}1:1:none\n`);
    const { status, said } = run(["clamscan", "--alert-broken=yes", "-d", "none.hdb", copy("scanned")]);
    expect({ status, broken: /Broken/.test(said) }).toEqual({ status: 0, broken: false });
  });

  testNeeding(program("file"))("file says what it is", () => {
    const { said } = run(["file", copy("named")]);
    expect(said).toContain("ELF 64-bit LSB executable");
    expect(said).not.toMatch(/corrupted|missing section headers/);
  });
});
