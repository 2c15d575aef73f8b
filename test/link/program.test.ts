import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";
import { RUN } from "../../harness/run.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { bunBuild } from "../../src/build/compile.ts";
import { fetchRuntime } from "../../src/build/runtime.ts";

const FIXTURE = join(import.meta.dir, "fixture");
const FOLDER = join(TEST_DIST, "program");
const CLI = join(import.meta.dir, "..", "..", "src", "link", "cli.ts");
const ENVIRONMENT = { GREETING: "hello", EMPTY: "" };

beforeAll(async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  await build("app", ["app.ts", "worker.ts"]);
  await build("interrupted", ["interrupted.ts"]);
}, 60_000);

/** Compiles a fixture for musl and links it with the linker's defaults, alone in a folder that will be its root. */
async function build(name: string, sources: readonly string[]): Promise<void> {
  const runtime = await fetchRuntime(RUN, X86_64, join(TEST_DIST, "..", "runtime"));
  const compiled = join(FOLDER, `${name}-dynamic`);
  mkdirSync(join(FOLDER, name), { recursive: true });
  const entries = sources.map((source) => join(FIXTURE, source));
  await bunBuild(RUN, X86_64, entries, compiled, ["--compile-executable-path", runtime.path]);
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, CLI, compiled, "-o", join(FOLDER, name, name)]);
  if (exitCode !== 0) throw new Error(stderr.toString());
}

/** In a root that holds only the program, with its own network that has only a loopback. */
const alone = (name: string, ...args: string[]) => [
  ...["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", 'ip link set lo up; exec chroot "$0" "$@"'],
  ...[join(FOLDER, name), `/${name}`, ...args],
];

describe("an ordinary Bun program, linked with the defaults, alone in its root", () => {
  testNeeding(NEEDS.namespaces)(
    "prints the same as the unlinked program: serve, fetch, sqlite, crypto, zlib, Intl, a worker, environment, arguments",
    () => {
      const args = ["one", "", "-v"];
      const plain = Bun.spawnSync([process.execPath, join(FIXTURE, "app.ts"), ...args], {
        env: { ...ENVIRONMENT, HOME: "/tmp" },
        timeout: 20_000,
      });
      const linked = Bun.spawnSync(alone("app", ...args), {
        env: { ...ENVIRONMENT, PATH: process.env.PATH },
        timeout: 20_000,
      });
      expect(plain.stdout.toString()).toContain(`worker: 42`);
      expect({ stdout: linked.stdout.toString(), stderr: linked.stderr.toString() }).toEqual({
        stdout: plain.stdout.toString(),
        stderr: "",
      });
      expect(linked.exitCode).toBe(0);
    },
  );

  testNeeding(NEEDS.namespaces)(
    "prints the same when the command compiles it to bytecode with its worker",
    () => {
      const root = join(FOLDER, "bytecode");
      mkdirSync(root, { recursive: true });
      const options = ["--bytecode", "--format=esm", "--minify", "-o", join(root, "bytecode")];
      const made = Bun.spawnSync([process.execPath, CLI, "app.ts", "worker.ts", ...options], { cwd: FIXTURE });
      expect({ exitCode: made.exitCode, stderr: made.stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
      const [plain, linked] = [[process.execPath, join(FIXTURE, "app.ts")], alone("bytecode")].map((command) =>
        Bun.spawnSync(command, { env: { ...ENVIRONMENT, PATH: process.env.PATH, HOME: "/tmp" }, timeout: 20_000 }),
      );
      expect(linked?.stderr.toString()).toBe("");
      expect(linked?.stdout.toString()).toContain("worker: 42");
      expect(linked?.stdout.toString()).toBe(plain?.stdout.toString() ?? "");
    },
    60_000,
  );

  test("keeps its handler for Ctrl-C", async () => {
    const program = Bun.spawn([join(FOLDER, "interrupted", "interrupted")], { stdout: "pipe", stderr: "inherit" });
    const reader = program.stdout.getReader();
    const decoder = new TextDecoder();
    expect(decoder.decode((await reader.read()).value)).toBe("waiting\n");
    program.kill("SIGINT");
    expect(decoder.decode((await reader.read()).value)).toBe("interrupted\n");
    expect(await program.exited).toBe(7);
  });
});
