import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missingOf, program, REST_MARK, SHARE_VARIABLE, type Share } from "../../harness/privilege.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "pause-needs-"));
afterAll(() => rmSync(FOLDER, { recursive: true }));

/** Three tests, with needs that every Debian has, that the README's second command installs, and that nothing has. */
writeFileSync(
  join(FOLDER, "some.test.ts"),
  `import { program, testNeeding } from ${JSON.stringify(join(import.meta.dir, "../../harness/privilege.ts"))};
testNeeding(program("sh"))("ordinary", () => {});
testNeeding(program("sh"), { ...program("podman"), present: () => true })("beyond", () => {});
testNeeding(program("nowhere"))("absent", () => {});
`,
);

/** The lines that `bun test` prints for these tests, without times. */
function lines(CI: string, share?: Share): readonly string[] {
  const { stderr } = Bun.spawnSync([process.execPath, "test", "./some.test.ts"], {
    cwd: FOLDER,
    env: { ...process.env, CI, [SHARE_VARIABLE]: share },
  });
  const found = stderr.toString().matchAll(/^\((pass|skip|fail)\) (.*?)(?: \[[\d.]+m?s\])?$/gm);
  return [...new Set([...found].map(([, how, name]) => `${how} ${name}`))];
}

test("outside CI, a test whose needs are met runs, and a skipped one says what it needs", () => {
  const expected = ["pass ordinary", "pass beyond", "skip absent (skipped: needs nowhere)"];
  expect(lines("")).toEqual(expected);
  expect(lines("", "ordinary")).toEqual(expected);
});

test("under CI, nothing is skipped", () => {
  expect(lines("true")).toEqual(["pass ordinary", "pass beyond", "fail absent"]);
});

test("under CI, a share has the tests that need only the README's packages, or the others, which bear a mark", () => {
  expect(lines("true", "ordinary")).toEqual(["pass ordinary"]);
  expect(lines("true", "rest")).toEqual([`pass beyond${REST_MARK}`, `fail absent${REST_MARK}`]);
});

test("a program is named with its package", () => {
  expect(missingOf([program("sh"), program("nowhere")])).toBe("nowhere");
  expect(program("qemu-system-aarch64")).toMatchObject({
    name: "qemu-system-aarch64: apt-get install qemu-system-arm",
    packages: ["qemu-system-arm"],
    ordinary: false,
  });
  expect(program("gcc")).toMatchObject({ name: "gcc: apt-get install gcc libc6-dev", ordinary: true });
  expect(program("tar")).toMatchObject({ packages: [], ordinary: true });
});
