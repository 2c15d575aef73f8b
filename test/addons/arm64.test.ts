import { afterAll, describe, expect } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { RUN } from "../../harness/run.ts";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { fetchLibraries } from "../../src/build/debian/library-packages.ts";
import { CLI, rootFor, run, succeed } from "../link/others.ts";
import { CALLS } from "./calls.ts";

const MINUTES = 60_000;
const EMULATOR = "qemu-aarch64-static";
const FOLDER = join(TEST_DIST, "addons-arm64");
const path = (name: string) => join(FOLDER, name);
const environment = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "/root" };
/** A loader of napi-rs, and an addon with a library of its own. */
const NAMES = ["@node-rs/argon2", "sharp"];

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

describe("addons for AArch64, linked on another architecture", () => {
  testNeeding(program(EMULATOR))(
    "are found by their packages' names, and run under emulation in a root with /tmp alone",
    async () => {
      mkdirSync(FOLDER, { recursive: true });
      const { dependencies } = JSON.parse(readFileSync(join(import.meta.dir, "programs", "package.json"), "utf8"));
      const versions = Object.fromEntries(NAMES.map((name) => [name, dependencies[name]]));
      writeFileSync(path("package.json"), JSON.stringify({ private: true, dependencies: versions }));
      const platform = ["--os=linux", `--cpu=${AARCH64.processArch}`, "--libc=musl"];
      succeed([process.execPath, "install", "--ignore-scripts", ...platform], FOLDER);
      const folders = await fetchLibraries(RUN, AARCH64, join(TEST_DIST, "..", "debian"), "trixie");
      const options = ["--target", AARCH64.bunTarget, ...folders.flatMap((folder) => ["--library-dir", folder])];
      for (const { name, source, prints } of CALLS.filter(({ name }) => NAMES.includes(name))) {
        writeFileSync(path("app.ts"), source);
        const linked = run([process.execPath, CLI, "app.ts", "-o", "app", ...options], "", environment, FOLDER);
        expect({ name, exitCode: linked.exitCode, stdout: linked.stdout }).toEqual({
          ...{ name, exitCode: 0 },
          stdout: expect.stringContaining("linux-arm64-musl"),
        });
        const root = rootFor("addons-arm64", path("app"));
        copyFileSync(Bun.which(EMULATOR) ?? EMULATOR, join(root, "emulator"));
        const alone = run(["chroot", root, "/emulator", "/program"], "", { PATH: environment.PATH, HOME: "/" });
        expect({ name, ...alone, stdout: alone.stdout.trim() }).toEqual({
          name,
          exitCode: 0,
          stdout: prints,
          stderr: "",
        });
        rmSync(root, { recursive: true, force: true });
      }
    },
    4 * MINUTES,
  );
});
