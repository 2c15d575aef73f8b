import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { NEEDS, program as programNeed, testNeeding } from "../../harness/privilege.ts";
import { RUN } from "../../harness/run.ts";
import { AARCH64 } from "../../src/arch/aarch64/architecture.ts";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { boot, type Machine } from "../../src/build/machine/boot.ts";
import { debianKernel } from "../../src/build/machine/debian.ts";
import { runInMachine, type Task } from "../../src/build/machine/run.ts";

const FOLDER = join(TEST_DIST, "machine");
const shell = (script: string, ...args: string[]): Task => ({
  files: [],
  command: ["sh", "-c", script, "sh", ...args],
});

async function machine(changes: Partial<Machine> = {}): Promise<Machine> {
  const architecture = changes.architecture ?? X86_64;
  return {
    architecture,
    processor: architecture.emulator.baseline,
    kernel: await debianKernel(RUN, architecture),
    memory: 256,
    seconds: 120,
    ...changes,
  };
}

describe("a command in an emulated machine", () => {
  for (const architecture of ARCHITECTURES) {
    const { program } = architecture.emulator;
    testNeeding(programNeed(program))(
      `${architecture.name}: returns its output, its exit status and its files complete (takes 10 seconds)`,
      async () => {
        const script =
          'uname -m; id -u; echo "$1 $NAME" >&2; cat /data/in >out; head -c 300000 /bin/busybox >big; sha256sum big; exit 7';
        const task: Task = {
          ...shell(script, "it's"),
          files: [{ path: "data/in", content: "in", mode: 0o400 }],
          environment: ["NAME=a b"],
          results: ["out", "big", "absent"],
        };
        const { status, output, results } = await runInMachine(RUN, await machine({ architecture }), task);
        const big = results.get("big") ?? Buffer.alloc(0);
        const { stdout } = Bun.spawnSync(["sha256sum"], { stdin: big });
        expect({ status, output }).toEqual({
          status: 7,
          output: `${architecture === AARCH64 ? "aarch64" : "x86_64"}\n0\nit's a b\n${stdout.toString().replace("-", "big")}`,
        });
        expect([...results.keys()].toSorted()).toEqual(["big", "out"]);
        expect(big.length).toBe(300_000);
        expect(results.get("out")?.toString()).toBe("in");
      },
      180_000,
    );
  }

  test("ends with 128 and the number of the signal that ended it", async () => {
    expect((await runInMachine(RUN, await machine(), shell("kill -KILL $$"))).status).toBe(128 + 9);
  }, 180_000);
});

describe("a machine that fails gives one line, and leaves no file", () => {
  const before = process.env.TMPDIR;
  beforeAll(() => {
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER, { recursive: true });
    process.env.TMPDIR = FOLDER;
  });
  afterAll(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(FOLDER, { recursive: true });
  });

  const fails = (
    name: string,
    changes: () => Partial<Machine> | Promise<Partial<Machine>>,
    task: Task,
    message: RegExp,
  ) =>
    test(name, async () => {
      const failure = await runInMachine(RUN, await machine(await changes()), task).then(
        () => undefined,
        (error: unknown) => error,
      );
      const { name, message: said } = failure instanceof Error ? failure : new Error("it did not fail");
      expect({ name, said }).toEqual({ name: "MachineError", said: expect.stringMatching(message) });
      expect(said).not.toContain("\n");
      expect(readdirSync(FOLDER)).toEqual([]);
    }, 180_000);

  const instead = (program: string) => ({ architecture: { ...X86_64, emulator: { ...X86_64.emulator, program } } });
  const there = /^emulated x86-64 machine \(Nehalem, Linux [^)]*\): /.source;
  fails(
    "no QEMU",
    () => instead("qemu-system-none"),
    shell("true"),
    /^emulated x86-64 machine: qemu-system-none not found; on Debian: apt-get install qemu-system-x86$/,
  );
  fails(
    "a QEMU that ends without output",
    () => instead("false"),
    shell("true"),
    new RegExp(`${there}false ended with 1: it gave no reason; it needs 256 MiB of memory here$`),
  );
  fails(
    "a machine that says nothing",
    () => instead("true"),
    shell("true"),
    new RegExp(
      `${there}it ended without a complete result \\(received 0 bytes: .*\\): try again, .*; its last output: none$`,
    ),
  );
  fails(
    "no kernel",
    () => ({ kernel: { path: "/nowhere", release: "0" } }),
    shell("true"),
    new RegExp(`${there}no kernel at /nowhere; fetch it again$`),
  );
  fails(
    "a kernel that is not a kernel",
    () => ({ kernel: { path: "/etc/hostname", release: "0" } }),
    shell("true"),
    new RegExp(`${there}qemu-system-x86_64 ended with 1: `),
  );
  fails(
    "a file that does not exist",
    () => ({}),
    { ...shell("true"), files: [{ path: "x", file: "/nowhere" }] },
    new RegExp(`${there}writing its files to \\S+: ENOENT: .*'/nowhere'$`),
  );
  fails(
    "a processor that QEMU does not know",
    () => ({ processor: "z80" }),
    shell("true"),
    /ended with 1: .*unable to find CPU model 'z80'$/,
  );
  fails(
    "a kernel that does not support the processor, and so prints nothing",
    async () => ({
      architecture: AARCH64,
      kernel: await debianKernel(RUN, AARCH64, { name: "linux-image-arm64-16k", suite: "trixie" }),
      processor: "cortex-a53",
      seconds: 10,
    }),
    shell("true"),
    /: still running after its 10 s; where emulation is slow, allow it more; it printed nothing, so this kernel may not support that processor$/,
  );
  fails(
    "a command that hangs",
    () => ({ seconds: 25 }),
    shell("echo doing this; sleep 1000"),
    /: still running after its 25 s; .*; its last output: doing this$/,
  );
  fails(
    "a kernel that panics",
    () => ({}),
    shell("echo c >/proc/sysrq-trigger; sleep 100"),
    /: it ended without a complete result \(received 0 bytes: .*\): try again, .*; its last output: .*Kernel panic - not syncing: sysrq triggered crash$/,
  );
  fails(
    "a full disk inside",
    () => ({}),
    shell("cat /dev/zero >/fill"),
    /: it could not store the command's exit status; its 256 MiB of memory may be full: give it more$/,
  );
  fails(
    "files that do not fit in its memory",
    () => ({ memory: 128 }),
    { ...shell("true"), files: [{ path: "big", content: new Uint8Array(100 << 20), mode: 0o644 }] },
    /: it ended without a complete result .*; its last output: .*(Kernel panic|Initramfs unpacking failed)/,
  );

  testNeeding(NEEDS.namespaces)("a full disk outside", async () => {
    const small = join(FOLDER, "small");
    mkdirSync(small);
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small]).exitCode).toBe(0);
    process.env.TMPDIR = small;
    try {
      const refused = boot(RUN, await machine(), [{ path: "big", content: new Uint8Array(2 << 20), mode: 0o644 }]);
      await expect(refused).rejects.toThrow(
        /: writing its files to \S+\/small\/\S+: ENOSPC.*; set TMPDIR to a folder with more room$/,
      );
      expect(readdirSync(small)).toEqual([]);
    } finally {
      process.env.TMPDIR = FOLDER;
      Bun.spawnSync(["umount", small]);
      rmSync(small, { recursive: true });
    }
  });
});
