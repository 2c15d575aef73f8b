import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { readNewc, writeNewc } from "../../src/build/machine/newc.ts";

const FOLDER = join(TEST_DIST, "newc");
const at = (name: string) => join(FOLDER, name);

describe("an initramfs", () => {
  beforeAll(() => {
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(at("unpacked"), { recursive: true });
    writeFileSync(at("tool"), "#!/bin/sh\n");
    chmodSync(at("tool"), 0o750);
    writeNewc(at("archive"), [
      { path: "usr/bin/tool", file: at("tool") },
      { path: "one", content: "1", mode: 0o600 },
      { path: "empty", content: "", mode: 0o644 },
      { path: "five/ü", content: Uint8Array.of(0, 1, 2, 255, 4), mode: 0o644 },
      { path: "bin/sh", target: "../usr/bin/tool" },
    ]);
  });
  afterAll(() => rmSync(FOLDER, { recursive: true }));

  testNeeding(program("busybox"))(
    "unpacks with busybox's cpio to the same files, folders, permissions and links",
    () => {
      const { exitCode, stderr } = Bun.spawnSync(["busybox", "cpio", "-i"], {
        cwd: at("unpacked"),
        stdin: readFileSync(at("archive")),
      });
      expect({ exitCode, stderr: stderr.toString() }).toEqual({
        exitCode: 0,
        stderr: expect.stringMatching(/^\d+ blocks\n$/),
      });
      const listed = Bun.spawnSync(["find", ".", "-mindepth", "1", "-printf", "%P %M %s %l\n"], {
        cwd: at("unpacked"),
      }).stdout.toString();
      expect(
        listed
          .trim()
          .split("\n")
          .filter((line) => !/ d\S+ /.test(line))
          .toSorted(),
      ).toEqual([
        "bin/sh lrwxrwxrwx 15 ../usr/bin/tool",
        "empty -rw-r--r-- 0 ",
        "five/ü -rw-r--r-- 5 ",
        "one -rw------- 1 ",
        "usr/bin/tool -rwxr-x--- 10 ",
      ]);
      expect(
        listed
          .trim()
          .split("\n")
          .filter((line) => / drwxr-xr-x /.test(line))
          .map((line) => line.split(" ")[0])
          .toSorted(),
      ).toEqual(["bin", "five", "usr", "usr/bin"]);
      expect([...readFileSync(at("unpacked/five/ü"))]).toEqual([0, 1, 2, 255, 4]);
    },
  );

  test("is read again", () => {
    const files = readNewc(readFileSync(at("archive")));
    expect(files.get("one")?.toString()).toBe("1");
    expect([...(files.get("five/ü") ?? [])]).toEqual([0, 1, 2, 255, 4]);
  });

  test("is refused if it is cut short, or not an initramfs", () => {
    const whole = readFileSync(at("archive"));
    for (let length = 0; length < whole.length - 4; length++)
      expect(() => readNewc(whole.subarray(0, length))).toThrow(/^(no 070701 at|cut short after) byte \d+/);
    expect(() => readNewc(Buffer.from("\x1f\x8b not an archive"))).toThrow("no 070701 at byte 0");
  });

  test("is refused if a size is not a number or leads back, a name is missing or repeated, or data follows the end", () => {
    const whole = readFileSync(at("archive"));
    const sized = (place: number, digits: string) => () => {
      const changed = Buffer.from(whole);
      changed.write(digits, 6 + 8 * place);
      return readNewc(changed);
    };
    const [fileSize, nameSize] = [6, 11];
    for (const place of [fileSize, nameSize])
      for (const digits of ["zzzzzzzz", "       1", "-0000001", "0x000001", "1e0     "])
        expect(sized(place, digits), digits).toThrow(/or no number at byte \d+$/);
    for (const place of [fileSize, nameSize])
      for (const digits of ["ffffffff", "80000000", "7fffff90", "00100000"])
        expect(sized(place, digits), digits).toThrow(/^cut short after byte 0$/);
    for (const digits of ["00000000", "00000001", "00000002"])
      expect(sized(nameSize, digits), digits).toThrow(/^no name after byte 0$/);
    const [last] = [whole.lastIndexOf("070701")];
    expect(() => readNewc(Buffer.concat([whole.subarray(0, last), whole]))).toThrow(
      /^"bin" twice, the second time at byte \d+$/,
    );
    expect(() => readNewc(Buffer.concat([whole, whole]))).toThrow(/^data after the end at byte \d+$/);
  });

  test("overwrites nothing", () => {
    expect(() => writeNewc(at("archive"), [])).toThrow("EEXIST");
  });
});
