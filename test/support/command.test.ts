import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program, testNeeding } from "../../harness/privilege.ts";

const SUPPORT = join(import.meta.dir, "..", "..", "src", "support");

/** The words that run `main`, in TypeScript, as the command "name". */
const words = (main: string, statusOf = "") => [
  process.execPath,
  "-e",
  `import { command } from "${SUPPORT}/command.ts";
   import { UserError } from "${SUPPORT}/error.ts";
   import { mkdirSync, renameSync, writeFileSync } from "node:fs";
   await command("name", async (run, words) => { ${main} }${statusOf});`,
];

function ran(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { env: { ...process.env, ...env } });
  return { status: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

describe("a command", () => {
  test("exits with 0, or with what its main returns", () => {
    expect(ran(words("console.log('done')"))).toEqual({ status: 0, stdout: "done\n", stderr: "" });
    expect(ran(words("return 7")).status).toBe(7);
  });

  test("prints in one line what the user can fix, and exits with 1 or a given status", () => {
    const line = { stdout: "", stderr: "name: it is so\n" };
    expect(ran(words("throw new UserError('it is so')"))).toEqual({ status: 1, ...line });
    expect(ran(words("throw new UserError('it is so')", ", () => 2"))).toEqual({ status: 2, ...line });
    const { status, stderr } = ran(words("writeFileSync('/dev/full', 'a')"));
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^name: ENOSPC: .*; make room in .*\n$/),
    });
  });

  test("says in one line that something is in the way of its output", () => {
    const folder = mkdtempSync(join(tmpdir(), "command-"));
    writeFileSync(join(folder, "file"), "");
    symlinkSync("nowhere", join(folder, "dangling"));
    symlinkSync("loop", join(folder, "loop"));
    for (const [main, code] of [
      ["mkdirSync(folder + '/file', { recursive: true })", "EEXIST"],
      ["mkdirSync(folder + '/file/a', { recursive: true })", "ENOTDIR"],
      ["mkdirSync(folder + '/dangling', { recursive: true })", "EEXIST"],
      ["mkdirSync(folder + '/dangling/a', { recursive: true })", "ENOENT"],
      ["mkdirSync(folder + '/loop/a', { recursive: true })", "ELOOP"],
      ["writeFileSync(folder, 'a')", "EISDIR"],
      ["writeFileSync(folder + '/file/a', 'a')", "ENOTDIR"],
      ["renameSync(folder + '/file', folder)", "ENOTEMPTY"],
    ] as const) {
      const { status, stderr } = ran(words(`const folder = ${JSON.stringify(folder)}; ${main}`));
      const line = new RegExp(`^name: ${code}: [^\\n]*; a file, a folder or a link is in the way: [^\\n]*\\n$`);
      expect({ main, status, stderr }).toEqual({ main, status: 1, stderr: expect.stringMatching(line) });
    }
    rmSync(folder, { recursive: true });
  });

  test("keeps the stack trace of a bug", () => {
    const { status, stderr } = ran(words("null.x"));
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/TypeError: .* at /s) });
  });

  test("says in one line that TMPDIR cannot be used", () => {
    const stderr = expect.stringMatching(
      /^name: \/proc\/none: cannot make a folder there \(ENOENT\); set TMPDIR .*\n$/,
    );
    expect(ran(words("run.folder('a-')"), { TMPDIR: "/proc/none" })).toEqual({ status: 1, stdout: "", stderr });
  });

  testNeeding(program("setpriv"))("that SIGKILL ends takes with it everything that it started", async () => {
    const started = Bun.spawn(
      words("const child = run.spawn(['sleep', '100']); console.log(child.pid); await child.ended"),
      {
        stdout: "pipe",
      },
    );
    const reader = started.stdout.getReader();
    const pid = Number(new TextDecoder().decode((await reader.read()).value));
    const command = () => (existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/cmdline`, "latin1") : "");
    // Until then it is still setpriv.
    while (!command().startsWith("/usr/bin/sleep")) await Bun.sleep(5);
    started.kill("SIGKILL");
    await started.exited;
    for (let tries = 0; command() !== "" && tries < 200; tries++) await Bun.sleep(10);
    expect(command()).toBe("");
  });

  for (const [signal, status] of [
    ["SIGHUP", 129],
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    for (const [what, main] of [
      ["waits for a process", "await child.ended"],
      ["waits for something else", "await run.sleep(100_000)"],
      ["cleans up first", "try { await child.ended } finally { await Bun.sleep(10); console.log('cleaned up') }"],
    ] as const) {
      test(`that ${what} ends with ${status} on ${signal}, and everything that it started ends too`, async () => {
        const folder = mkdtempSync(join(tmpdir(), "command-"));
        const begun = `run.folder("a-", ${JSON.stringify(folder)});
          const child = run.spawn(["sleep", "100"]);
          console.log(child.pid);`;
        const started = Bun.spawn(words(`${begun} ${main}`), { stdout: "pipe", stderr: "pipe" });
        const reader = started.stdout.getReader();
        const pid = new TextDecoder().decode((await reader.read()).value).trim();
        expect(existsSync(`/proc/${pid}`)).toBe(true);
        // For example, once from the terminal and once from npm.
        started.kill(signal);
        started.kill(signal);
        expect(await started.exited).toBe(status);
        expect(await started.stderr.text()).toBe(`name: ended by ${signal}\n`);
        expect(existsSync(`/proc/${pid}`)).toBe(false);
        expect(readdirSync(folder)).toEqual([]);
        if (main.includes("cleaned up"))
          expect(new TextDecoder().decode((await reader.read()).value)).toBe("cleaned up\n");
        rmSync(folder, { recursive: true });
      }, 20_000);
    }
  }

  test("runs on after SIGHUP when nohup started it", async () => {
    const started = Bun.spawn(["nohup", ...words("console.log('up'); await Bun.sleep(300); console.log('done')")], {
      stdout: "pipe",
      stderr: "ignore",
    });
    await Bun.sleep(150);
    started.kill("SIGHUP");
    expect(await started.stdout.text()).toBe("up\ndone\n");
    expect(await started.exited).toBe(0);
  });
});
