import { beforeAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { RUN } from "../../harness/run.ts";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { bunBuild } from "../../src/build/compile.ts";
import { fetchLibraries } from "../../src/build/debian/library-packages.ts";
import { fetchRuntime } from "../../src/build/runtime.ts";

const FIXTURE = join(import.meta.dir, "fixture");
const FOLDER = join(TEST_DIST, "aarch64-program");
const ROOT = join(FOLDER, "root");
const CLI = join(import.meta.dir, "..", "..", "src", "link", "cli.ts");
const ENVIRONMENT = { GREETING: "hello", EMPTY: "" };
const PATIENCE_MS = 120_000;

beforeAll(async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(ROOT, { recursive: true });
  const compiled = join(FOLDER, "app");
  const sources = ["app.ts", "worker.ts"].map((source) => join(FIXTURE, source));
  const runtime = await fetchRuntime(RUN, AARCH64, join(TEST_DIST, "..", "runtime"));
  await bunBuild(RUN, AARCH64, sources, compiled, ["--compile-executable-path", runtime.path]);
  const folders = await fetchLibraries(RUN, AARCH64, join(TEST_DIST, "..", "debian"));
  const { exitCode, stderr } = Bun.spawnSync([
    process.execPath,
    CLI,
    compiled,
    "-o",
    join(ROOT, "app"),
    ...folders.flatMap((folder) => ["--library-dir", folder]),
  ]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  copyFileSync(Bun.which("qemu-aarch64-static") ?? "qemu-aarch64-static", join(ROOT, "qemu"));
}, PATIENCE_MS);

test(
  "an ordinary Bun program for AArch64, linked here, prints the same in QEMU's user mode, alone in a root with it, as unlinked here",
  () => {
    const args = ["one", "", "-v"];
    const plain = Bun.spawnSync([process.execPath, join(FIXTURE, "app.ts"), ...args], {
      env: { ...ENVIRONMENT, HOME: "/tmp" },
    });
    const linked = Bun.spawnSync(["chroot", ROOT, "/qemu", "/app", ...args], {
      env: { ...ENVIRONMENT, PATH: process.env.PATH },
      timeout: PATIENCE_MS,
    });
    expect(plain.stdout.toString()).toContain("worker: 42");
    expect({ stdout: linked.stdout.toString(), stderr: linked.stderr.toString() }).toEqual({
      stdout: plain.stdout.toString(),
      stderr: "",
    });
    expect(linked.exitCode).toBe(0);
  },
  PATIENCE_MS,
);
