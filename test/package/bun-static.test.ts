import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { documentedBlocks, documentedCommand } from "../../harness/documented.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { pack } from "../../src/ship/bun-static/pack.ts";
import { Scope } from "../../src/support/scope.ts";
import { librariesOf, rootFor, run, runAlone, succeed } from "../link/others.ts";

const MINUTES = 60_000;
const PROJECT = join(import.meta.dir, "..", "..");
const FOLDER = join(TEST_DIST, "bun-static-package");
/** Bun keeps what it unpacked from a tarball by the tarball's path, and would run an earlier run's. */
const MADE = `tarball-${process.pid}-${Date.now()}`;
const path = (...parts: readonly string[]) => join(FOLDER, ...parts);
const environment = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/root" };
let tarball = "";

/** Makes the tarball, and a user's project with it installed. */
beforeAll(() => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(path("user"), { recursive: true });
  const command = documentedCommand("docs/link.md", "npx -y bun@1.4.5 run pack:bun-static");
  succeed([process.execPath, ...command.split(" ").slice(3), "--into", path(MADE)], PROJECT);
  tarball = path(MADE, "bun-static-0.1.0.tgz");
  write("user/package.json", JSON.stringify({ name: "user", private: true, type: "module" }));
  succeed([process.execPath, "add", "--dev", tarball], path("user"));
  write("user/app.ts", 'console.log("from a tarball");\n');
}, 5 * MINUTES);
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

function write(name: string, text: string): void {
  mkdirSync(join(path(name), ".."), { recursive: true });
  writeFileSync(path(name), text);
}

const line = (stderr: string) => stderr.match(/bun-static: .*/)?.[0];

describe("the tarball", () => {
  test("has JavaScript, declarations and texts, and no path of the checkout", () => {
    const names = succeed(["tar", "--list", "--file", tarball], FOLDER).trim().split("\n");
    expect(names.filter((name) => !/^package\/(lib\/\w+\.js|types\/[\w/-]+\.d\.ts)$/.test(name)).toSorted()).toEqual(
      ["CHANGELOG.md", "LICENSE", "README.md", "bin/bun-static.js", "bin/bunfig.toml", "package.json"].map(
        (name) => `package/${name}`,
      ),
    );
    const installed = path("user", "node_modules", "bun-static");
    for (const name of ["index", "addons", "cli"])
      expect(readFileSync(join(installed, "lib", `${name}.js`), "utf8")).not.toContain(PROJECT);
    expect(readFileSync(join(installed, "README.md"), "utf8")).not.toMatch(/\]\((?!https?:|#)/);
  });

  test(
    "has the same bytes each time",
    async () => {
      await using scope = new Scope();
      expect(Buffer.from((await pack(scope)).bytes).equals(readFileSync(tarball))).toBe(true);
    },
    3 * MINUTES,
  );
});

describe("as a command", () => {
  testNeeding(NEEDS.namespaces)(
    "bunx --package in an empty folder: compiles, links, and the file runs alone in its root",
    () => {
      write(`${MADE}/app.ts`, 'console.log("from a tarball");\n');
      const command = documentedCommand("docs/link.md", "npx -y bun@1.4.5 x ");
      const script = command.replace("npx -y bun@1.4.5", process.execPath);
      const { exitCode, stdout, stderr } = run(["sh", "-c", script], "", environment, path(MADE));
      expect({ exitCode, stderr: line(stderr) }).toEqual({ exitCode: 0, stderr: undefined });
      expect(stdout).toMatch(
        /^app: [\d,]+ bytes, linux-x64-musl, Bun 1\.\d+\.\d+; with .*libstdc\+\+\.so\.6, .*libgcc_s\.so\.1, .*musl.*\n$/,
      );
      expect(runAlone(rootFor("tarball", path(MADE, "app")), [])).toEqual({
        exitCode: 0,
        stdout: "from a tarball\n",
        stderr: "",
      });
    },
    3 * MINUTES,
  );

  testNeeding(NEEDS.namespaces)(
    "four packages with addons, by their names: it hashes, draws, compiles and resizes in a root with /tmp alone",
    async () => {
      const dependencies = JSON.parse(readFileSync(join(PROJECT, "test/addons/programs/package.json"), "utf8"));
      const wanted = ["@node-rs/argon2", "@napi-rs/canvas", "@tailwindcss/oxide", "sharp"];
      const versions = wanted.map((name) => [name, dependencies.dependencies[name]]);
      write("four/package.json", JSON.stringify({ private: true, dependencies: Object.fromEntries(versions) }));
      succeed(documentedCommand("docs/link.md", "bun install ").split(" ").with(0, process.execPath), path("four"));
      copyFileSync(join(import.meta.dir, "four.ts"), path("four", "app.ts"));
      const command = [process.execPath, "x", "--package", tarball, "bun-static", "app.ts", "-o", "app"];
      const { exitCode, stderr } = run([...command, ...(await librariesOf("trixie"))], "", environment, path("four"));
      expect({ exitCode, stderr: line(stderr) }).toEqual({
        exitCode: 0,
        stderr:
          "bun-static: note: these were told that they run on musl: " +
          "@img/sharp-linuxmusl-x64, @napi-rs/canvas, @node-rs/argon2, @tailwindcss/oxide, detect-libc, sharp",
      });
      const root = rootFor("four", path("four", "app"));
      const alone = run(["chroot", root, "/program"], "", { PATH: environment.PATH, HOME: "/" });
      expect(alone).toEqual({
        exitCode: 0,
        stdout: "hashes true false\ndraws 255,0,0,255\ncompiles flex,p-4\nresizes 16 8\n",
        stderr: "",
      });
      rmSync(root, { recursive: true, force: true });
    },
    5 * MINUTES,
  );

  test(
    "does not run the project's preload, and applies its define",
    () => {
      write("preload/package.json", "{}");
      write("preload/bunfig.toml", 'preload = ["./preload.ts"]\n[define]\n"WORD" = "\'defined\'"\n');
      write("preload/preload.ts", 'console.log("preloaded");\n');
      write("preload/app.ts", "declare const WORD: string; console.log(WORD);\n");
      const command = ["node", path("user", "node_modules", ".bin", "bun-static"), "app.ts", "-o", "out/app"];
      expect(run(command, "", environment, path("preload")).stdout).toStartWith("out/app: ");
      expect(run([path("preload", "out", "app")], "", environment, path("preload", "out")).stdout).toBe("defined\n");
    },
    MINUTES,
  );

  test("says in one line that Bun is missing", () => {
    mkdirSync(path("node-alone"), { recursive: true });
    const command = [Bun.which("node") ?? "node", path("user", "node_modules", ".bin", "bun-static"), "app.ts"];
    const { exitCode, stdout, stderr } = run(command, "", { PATH: path("node-alone") }, path("user"));
    expect({ exitCode, stdout, lines: stderr.trim().split("\n") }).toEqual({
      exitCode: 1,
      stdout: "",
      lines: [expect.stringContaining("bun-static: Bun is not on the PATH")],
    });
  });

  test("where Bun is too old, one line says so", () => {
    write("old-bun/bun", "#!/bin/sh\necho 1.3.10\n");
    chmodSync(path("old-bun", "bun"), 0o755);
    const command = [Bun.which("node") ?? "node", path("user", "node_modules", ".bin", "bun-static"), "app.ts"];
    expect(run(command, "", { PATH: `${path("old-bun")}:/bin` }, path("user"))).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: expect.stringMatching(/^bun-static: \S+ is Bun 1\.3\.10, and 1\.\d+\.\d+ or newer is needed: .*\n$/),
    });
  });

  test(
    "a signal to the launcher ends what it started",
    async () => {
      const command = ["node", path("user", "node_modules", ".bin", "bun-static"), "app.ts", "-o", "signalled"];
      const child = Bun.spawn(command, { cwd: path("user"), stdout: "pipe", stderr: "pipe", env: environment });
      await Bun.sleep(400);
      child.kill("SIGTERM");
      expect(await child.exited).toBe(143);
      expect(existsSync(path("user", "signalled"))).toBe(false);
      expect(readdirSync(path("user")).filter((name) => name.startsWith("."))).toEqual([]);
    },
    MINUTES,
  );
});

describe("as a library", () => {
  const example = () => documentedBlocks("docs/link.md", "As a library", "ts")[0]?.join("\n") ?? "";

  for (const [module, moduleResolution] of [
    ["nodenext", "nodenext"],
    ["preserve", "bundler"],
  ] as const)
    for (const types of [[], ["bun"]])
      test(
        `the documentation's example has no error under strict, ${moduleResolution}, types ${JSON.stringify(types)}`,
        () => {
          write("user/example.ts", example());
          const compilerOptions = { strict: true, noEmit: true, module, moduleResolution, target: "esnext", types };
          const typeRoots = [join(PROJECT, "node_modules", "@types")];
          write(
            "user/tsconfig.json",
            JSON.stringify({ compilerOptions: { ...compilerOptions, typeRoots }, files: ["example.ts"] }),
          );
          const { exitCode, stdout, stderr } = run(
            [process.execPath, "check", "--no-script"],
            "",
            environment,
            path("user"),
          );
          expect({ exitCode, said: exitCode === 0 ? "" : `${stdout}${stderr}` }).toEqual({ exitCode: 0, said: "" });
        },
        MINUTES,
      );

  test(
    "Node.js and Bun link a compiled program to the same bytes as the command",
    () => {
      const compile = ["build", "--compile", "--target=bun-linux-x64-musl", "app.ts", "--outfile", "app"];
      succeed([process.execPath, ...compile], path("user"));
      succeed(["node", path("user", "node_modules", ".bin", "bun-static"), "app", "-o", "by-command"], path("user"));
      const linked = readFileSync(path("user", "by-command"));
      write("user/by-library.mjs", 'import { link } from "bun-static";\nawait link("app").write(process.argv[2]);\n');
      for (const runtime of ["node", process.execPath]) {
        succeed([runtime, "by-library.mjs", "by-library"], path("user"));
        expect(linked.equals(readFileSync(path("user", "by-library")))).toBe(true);
        expect(statSync(path("user", "by-library")).mode & 0o111).not.toBe(0);
      }
    },
    2 * MINUTES,
  );

  test(
    "Node.js reads a file of more than 2 GiB, which it refuses in one piece",
    () => {
      write("user/large", "\x7fELF\x02\x01\x01");
      truncateSync(path("user", "large"), 2200 * 1024 * 1024);
      write(
        "user/read.mjs",
        'import { link } from "bun-static";\ntry { link("large"); } catch ({ message }) { console.log(message); }\n',
      );
      expect(succeed(["node", "read.mjs"], path("user"))).toStartWith("large: its e_machine is 0,");
      rmSync(path("user", "large"));
    },
    MINUTES,
  );

  test(
    "the plugin is for a build script, and refuses another target",
    () => {
      write(
        "user/build.ts",
        'import { addons } from "bun-static/addons";\nconsole.log(addons("bun-linux-x64-musl").name);\naddons("bun-darwin-arm64");\n',
      );
      const { stdout, stderr } = run([process.execPath, "build.ts"], "", environment, path("user"));
      expect(stdout).toBe("bun-static addons\n");
      expect(stderr).toContain("bun-darwin-arm64: nothing is linked for this target");
    },
    MINUTES,
  );
});
