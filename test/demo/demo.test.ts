import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Clone } from "../../harness/clone.ts";
import { NEEDS, testNeeding } from "../../harness/privilege.ts";

const DEMO = join(import.meta.dir, "../../src/demo.ts");
const SECONDS = 1000;

/** Root of a user namespace, without these capabilities, in which no further one can be made. */
const without = (...capabilities: readonly string[]) => [
  ...["unshare", "--user", "--map-root-user", "sh", "-c"],
  'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"',
  "sh",
  ...bounded(capabilities),
];
const bounded = (capabilities: readonly string[]) => [
  "setpriv",
  `--bounding-set=${capabilities.map((name) => `-${name}`).join(",")}`,
  "--inh-caps=-all",
];

/** The capabilities that Docker gives to root in a container. */
const OF_A_CONTAINER = [
  ...["chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "net_bind_service"],
  ...["net_raw", "sys_chroot", "mknod", "audit_write", "setfcap"],
];

/** Runs the demo with a separate temporary folder. */
async function demo(around: readonly string[] = [], script = DEMO, env: Readonly<Record<string, string>> = {}) {
  const TMPDIR = mkdtempSync(join(tmpdir(), "pause-demo-"));
  try {
    const child = Bun.spawn([...around, process.execPath, script], {
      env: { ...process.env, TMPDIR, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { status, lines: stdout.trimEnd().split("\n"), stderr, left: readdirSync(TMPDIR) };
  } finally {
    rmSync(TMPDIR, { recursive: true });
  }
}

const AS_PID_1 = (told: string) => [
  /^- made an empty root, with one file in it: pause \(\d+ bytes\)$/,
  new RegExp(`^- started /pause ${told}: PID \\d+ here, 1 inside; resident \\d+ kB$`),
  /^- gave it 200 orphans$/,
  /^- all have ended and it reaped them: no zombie is left; (reaping them took \/pause 0 ns of CPU|this kernel does not report the CPU that reaping them took)$/,
  /^- sending SIGTERM to it$/,
  /^- \/pause exited with 0$/,
];
const AS_ANOTHER = (told: string) => [
  /^- made an empty root, with one file in it: pause \(\d+ bytes\)$/,
  new RegExp(`^- started /pause ${told}: PID \\d+, not 1, so it warns; resident \\d+ kB$`),
  /^- (waiting for a second took \/pause 0 ns of CPU|this kernel does not report the CPU .*)$/,
  /^- sending SIGTERM to it$/,
  /^- \/pause exited with 0$/,
  /^- not shown, because this system allows no PID namespace: \/pause as PID 1, and orphans; to see it: \S.*$/,
];

function expectLines(lines: readonly string[], expected: readonly RegExp[]): void {
  expect(lines.length, lines.join("\n")).toBe(expected.length);
  for (const [index, line] of lines.entries()) expect(line).toMatch(expected[index] ?? /^$/);
}

const GOODBYE = "Shutting down, got signal: Terminated\n";
const WARNED = `Warning: pause should be the first process\n${GOODBYE}`;

describe("bun run start", () => {
  testNeeding(NEEDS.namespaces)("as root: in a PID namespace of its own", async () => {
    const { lines, ...end } = await demo();
    expect(end).toEqual({ status: 0, stderr: GOODBYE, left: [] });
    expectLines(lines, AS_PID_1("in a PID namespace of its own"));
  });

  testNeeding(NEEDS.userNamespace)("with the capabilities that Docker leaves root: in a user namespace", async () => {
    const around = [
      "setpriv",
      `--bounding-set=-all,${OF_A_CONTAINER.map((name) => `+${name}`).join(",")}`,
      "--inh-caps=-all",
    ];
    const { lines, ...end } = await demo(NEEDS.root.present() ? around : []);
    expect(end).toEqual({ status: 0, stderr: GOODBYE, left: [] });
    expectLines(lines, AS_PID_1("in a PID namespace and a user namespace of its own, which need no root"));
  });

  testNeeding(NEEDS.refusableUserNamespace)(
    "without either namespace: in its root, and it says what it does not show",
    async () => {
      const { lines, ...end } = await demo(without("sys_admin"));
      expect(end).toEqual({ status: 0, stderr: WARNED, left: [] });
      expectLines(lines, AS_ANOTHER("in that root, as an ordinary process"));
    },
  );

  testNeeding(NEEDS.refusableUserNamespace)("without a root either: from its folder", async () => {
    const { lines, ...end } = await demo(without("sys_admin", "sys_chroot"));
    expect(end).toEqual({ status: 0, stderr: WARNED, left: [] });
    expectLines(lines, AS_ANOTHER("from that folder, as an ordinary process"));
  });

  test("with the PATH that su without - leaves", async () => {
    const { status, lines } = await demo([], DEMO, { PATH: "/usr/local/bin:/usr/bin:/bin" });
    expect(lines.at(status === 0 ? 1 : 0)).toStartWith("- started /pause ");
    expect(status).toBe(0);
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    for (const milliseconds of [50, 150, 250, 400]) {
      test(`${signal} after ${milliseconds} ms leaves nothing behind`, async () => {
        const TMPDIR = mkdtempSync(join(tmpdir(), "pause-demo-"));
        const child = Bun.spawn([process.execPath, DEMO], {
          env: { ...process.env, TMPDIR },
          stdio: ["ignore", "pipe", "pipe"],
        });
        await Bun.sleep(milliseconds);
        child.kill(signal);
        await child.exited;
        expect(readdirSync(TMPDIR)).toEqual([]);
        expect(runningIn(TMPDIR)).toEqual([]);
        rmSync(TMPDIR, { recursive: true });
      });
    }
  }
});

/** Processes with this temporary folder in their environment. */
const runningIn = (folder: string) =>
  readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && environmentOf(pid).includes(`TMPDIR=${folder}\0`));

function environmentOf(pid: string): string {
  const { stdout } = Bun.spawnSync(["cat", `/proc/${pid}/environ`], { stderr: "ignore" });
  return stdout.toString("latin1");
}

describe("bun run start, with something else as dist/pause", () => {
  /** Makes a clone with `text` as `dist/pause`, or without one. */
  async function withPause(text: string | undefined, use: (script: string) => Promise<void>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "pause-clone-"));
    try {
      const clone = Clone.copy(folder);
      const pause = join(clone.dist, "pause");
      mkdirSync(dirname(pause), { recursive: true });
      if (text !== undefined) writeFileSync(pause, text);
      if (text !== undefined) chmodSync(pause, 0o755);
      await use(join(folder, "src/demo.ts"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test("says what to do if nothing was built", async () => {
    await withPause(undefined, async (script) => {
      const { status, stderr, left } = await demo([], script);
      expect(stderr).toMatch(/^start: \S+\/dist\/pause not found; build it first: bun run build\n$/);
      expect({ status, left }).toEqual({ status: 1, left: [] });
    });
  });

  test("repeats the system's words if it does not run, and says what may help", async () => {
    await withPause("no program\n", async (script) => {
      const { status, stderr, left } = await demo([], script);
      expect(stderr).toMatch(
        /^start: \S+\/pause does not run here \(.+\); if its folder is mounted noexec, set TMPDIR.*\n$/,
      );
      expect({ status, left }).toEqual({ status: 1, left: [] });
    });
  });

  test(
    "says so if SIGTERM does not end it, and kills it (takes 10 s)",
    async () => {
      const deaf = `#!/bin/sh\n[ "$1" = -v ] && echo pause.ts 0 && exit\ntrap '' TERM\nwhile :; do sleep 1; done\n`;
      await withPause(deaf, async (script) => {
        const { status, stderr, left } = await demo([], script);
        expect(stderr).toBe("start: /pause did not exit within 10 s of SIGTERM\n");
        expect({ status, left }).toEqual({ status: 1, left: [] });
      });
    },
    60 * SECONDS,
  );
});
