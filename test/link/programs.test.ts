import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import {
  buildCxxAddon,
  bunStatic,
  compiledBy,
  ENTRIES,
  installPrograms,
  librariesOf,
  PROGRAMS,
  rootFor,
  run,
  runAlone,
} from "./others.ts";

const MINUTES = 60_000;

describe("programs of others, alone in a root with /tmp, do what they do unlinked", () => {
  let folder = "";
  let root = "";

  beforeAll(() => {
    folder = installPrograms();
    const output = join(TEST_DIST, "programs-of-others-linked");
    // In chunks, because each run would otherwise read all programs.
    bunStatic([...ENTRIES, "--splitting", "-o", output], folder);
    root = rootFor("programs", output);
  }, 5 * MINUTES);

  for (const { name, shows, input } of PROGRAMS.filter((program) => program.prints === undefined)) {
    testNeeding(NEEDS.namespaces)(
      `${name}: ${shows}`,
      () => {
        const plain = run(
          [process.execPath, "main.ts", name],
          input ?? "",
          { PATH: process.env.PATH ?? "", HOME: "/tmp" },
          folder,
        );
        const linked = runAlone(root, [name], input);
        expect(plain.stdout).not.toBe("");
        expect({ stdout: linked.stdout, exitCode: linked.exitCode }).toEqual({
          stdout: plain.stdout,
          exitCode: plain.exitCode,
        });
        // A bundle's stack trace names other places, but the error is the same.
        if (name === "zod") expect(linked.stderr).toContain("TypeError: nobody catches this");
        // ink shows the cursor again.
        else expect(linked.stderr).toBe(name === "ink" ? "\x1b[?25h" : "");
      },
      2 * MINUTES,
    );
  }

  testNeeding(NEEDS.namespaces)(
    "workers, compiled to minified bytecode",
    () => {
      const output = join(TEST_DIST, "programs-of-others-bytecode");
      bunStatic(["workers.ts", "workers-worker.ts", "--bytecode", "--format=esm", "--minify", "-o", output], folder);
      const plain = run([process.execPath, "workers.ts"], "", { PATH: process.env.PATH ?? "" }, folder);
      expect(plain).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("0,0,0,0 [") });
      expect(runAlone(rootFor("bytecode", output), [])).toEqual({ exitCode: 0, stdout: plain.stdout, stderr: "" });
    },
    2 * MINUTES,
  );

  for (const { name, shows, prints } of PROGRAMS.filter((program) => program.prints !== undefined))
    testNeeding(NEEDS.namespaces)(`${name}: ${shows}`, () => {
      expect(runAlone(root, [name])).toEqual({ exitCode: 0, stdout: prints ?? "", stderr: "" });
    });
});

describe.each([undefined, "trixie"])(
  "an addon in C++, with libraries of Debian (%p: this machine's where undefined)",
  (suite) => {
    testNeeding(NEEDS.namespaces)(
      "exceptions, streams, locales, threads and thread-local destructors",
      async () => {
        const folder = buildCxxAddon();
        const output = join(TEST_DIST, `cxx-addon-${suite ?? "here"}`);
        bunStatic(["main.ts", "-o", output, ...(await librariesOf(suite))], folder);
        expect(runAlone(rootFor("cxx-addon", output), [])).toEqual({
          exitCode: 0,
          stdout:
            "mine 42 6\nint -7\nthrown inside libstdc++\nouter nested\nno such locale\n3ff 3.14\n12abc3.5\n10Q\n1\na thread, and what it destroyed: 6\n",
          stderr: "to stderr 1.5\n",
        });
      },
      3 * MINUTES,
    );
  },
);

describe("executables that older Buns compiled, with the libraries of Debian 13", () => {
  mkdirSync(TEST_DIST, { recursive: true });
  // Bun 1.2 appends the program to the ELF image; 1.3.13 has it in a segment after the bss.
  testNeeding(NEEDS.namespaces)(
    "1.2.23 and 1.3.13 run linked, alone in a root with /dev/urandom",
    async () => {
      const libraries = await librariesOf("trixie");
      for (const version of ["1.2.23", "1.3.13"]) {
        const output = join(TEST_DIST, `hello-${version}-linked`);
        bunStatic([compiledBy(version), "-o", output, ...libraries], TEST_DIST);
        const { exitCode, stdout } = runAlone(rootFor(`hello-${version}`, output, ["urandom"]), ["a", "b"]);
        expect({ version, exitCode, stdout }).toEqual({ version, exitCode: 0, stdout: "hello a,b 2 served\n" });
      }
    },
    5 * MINUTES,
  );

  test(
    "with the libstdc++ of GCC 12, 1.3.10 and older are refused with the way out",
    () => {
      expect(() => bunStatic([compiledBy("1.2.23"), "-o", join(TEST_DIST, "none")], TEST_DIST)).toThrow(
        /nothing defines its symbol _ZNSt7__cxx.*_M_replace_cold.*; libstdc\+\+ of GCC 13 or newer has it .*, or compile with Bun 1\.3\.11 or newer/,
      );
    },
    MINUTES,
  );
});
