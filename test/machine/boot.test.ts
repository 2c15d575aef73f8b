import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RUN } from "../../harness/run.ts";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { boot, lastOutput, type Machine } from "../../src/build/machine/boot.ts";
import { type NewcEntry, readNewc } from "../../src/build/machine/newc.ts";

/** A script plays QEMU, so that this runs without one; machine.test.ts uses the real one. */

const before = process.env.TMPDIR;
let folder = "";
let scratch = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pause-boot-"));
  scratch = mkdtempSync(join(folder, "scratch-"));
  process.env.TMPDIR = scratch;
  writeFileSync(join(folder, "kernel"), "");
});
afterAll(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  rmSync(folder, { recursive: true });
});

/** A machine whose emulator is this shell script; the script gets the files of the two options as $initrd and $port. */
function machine(script: string, changes: Partial<Machine> = {}): Machine {
  const { architecture = X86_64 } = changes;
  const program = join(folder, "emulator");
  const options = `for word; do
    case $word in file,id=port,path=*) port=\${word#*path=} ;; esac
    [ "$last" = -initrd ] && initrd=$word
    last=$word
  done`;
  writeFileSync(program, `#!/bin/sh\n${options}\n${script}\n`);
  chmodSync(program, 0o755);
  return {
    processor: "Nehalem",
    kernel: { path: join(folder, "kernel"), release: "6.1" },
    memory: 256,
    seconds: 30,
    ...changes,
    architecture: { ...architecture, emulator: { ...architecture.emulator, program } },
  };
}

const ROOT: readonly NewcEntry[] = [{ path: "init", content: "#!/bin/sh\n", mode: 0o755 }];

describe("a machine that is switched off", () => {
  test.each(ARCHITECTURES.map(({ name }) => name))("returns its console and its second port, for %s", async (name) => {
    const architecture = ARCHITECTURES.find((each) => each.name === name);
    const script = `printf 'one\\r\\ntwo\\r\\n'; cat "$initrd" > "$port"; printf '%s\\n' "$@" > ${join(folder, "words")}`;
    const seen = machine(script, { ...(architecture && { architecture }), parameters: ["nosmap"], memory: 300 });
    const { console, port } = await boot(RUN, seen, ROOT);
    expect(console).toBe("one\ntwo\n");
    expect([...readNewc(port)].map(([path, content]) => [path, content.toString()])).toEqual([["init", "#!/bin/sh\n"]]);

    const words = readFileSync(join(folder, "words"), "utf8").trim().split("\n");
    const after = (word: string) => words[words.indexOf(word) + 1];
    expect([after("-cpu"), after("-m"), after("-accel")]).toEqual(["Nehalem", "300", "tcg"]);
    expect(after("-kernel")).toBe(join(folder, "kernel"));
    expect(after("-append")).toBe(`quiet panic=-1 ${seen.architecture.emulator.parameters.join(" ")} nosmap`);
    expect(readdirSync(scratch)).toEqual([]);
  });

  test("returns nothing of a port on which it wrote nothing", async () => {
    const { console, port } = await boot(RUN, machine("true"), ROOT);
    expect([console, port.length]).toEqual(["", 0]);
  });
});

describe("a machine that fails gives one line, and leaves no file", () => {
  const there = "emulated x86-64 machine (Nehalem, Linux 6.1)";
  test.each<[string, () => Machine, string]>([
    ["with the emulator's last output", () => machine("echo a >&2; echo b >&2; exit 3"), `emulator ended with 3: b`],
    [
      "without any output",
      () => machine("exit 1"),
      "emulator ended with 1: it gave no reason; it needs 256 MiB of memory here",
    ],
    [
      "ended by a signal",
      () => machine("kill -KILL $$"),
      "emulator ended with SIGKILL: it gave no reason; it needs 256",
    ],
    [
      "that runs past its time",
      () =>
        machine("printf 'Run /init\\nKernel panic - not syncing: no init\\nCPU: 0\\n'; exec sleep 60", { seconds: 1 }),
      "still running after its 1 s; where emulation is slow, allow it more; " +
        "its last output: Kernel panic - not syncing: no init",
    ],
    [
      "that also prints nothing",
      () => machine("exec sleep 60", { seconds: 1 }),
      "allow it more; it printed nothing, so this kernel may not support that processor",
    ],
    [
      "without its kernel",
      () => machine("true", { kernel: { path: "/nowhere", release: "6.1" } }),
      `${there}: no kernel at /nowhere; fetch it again`,
    ],
  ])("%s", async (_, made, message) => {
    const failure = String(await boot(RUN, made(), ROOT).catch((error: unknown) => error));
    expect(failure).toStartWith(`MachineError: ${there}: `);
    expect(failure).toContain(message);
    expect(failure).not.toContain("\n");
    expect(readdirSync(scratch)).toEqual([]);
  });

  test("without its emulator, with the package that has it", async () => {
    const made = machine("true");
    rmSync(join(folder, "emulator"));
    await expect(boot(RUN, made, ROOT)).rejects.toThrow(
      `emulated x86-64 machine: ${join(folder, "emulator")} not found; on Debian: apt-get install qemu-system-x86`,
    );
    expect(existsSync(scratch)).toBe(true);
  });
});

describe("the last output of a console", () => {
  test.each([
    ["a\nb\n\n", "b"],
    ["a\n  Kernel panic - not syncing: x \nend", "Kernel panic - not syncing: x"],
    ["Initramfs unpacking failed: junk\nlogin:", "Initramfs unpacking failed: junk"],
    ["", "none"],
  ])("of %j is %j", (console, words) => expect(lastOutput(console)).toBe(words));
});
