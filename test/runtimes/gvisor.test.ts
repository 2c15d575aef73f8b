import { describe, expect } from "bun:test";
import profile from "../../deploy/seccomp.json";
import { busyboxImage, PROGRAMS, type Program, pauseImage, SHIPPED } from "./images.ts";
import { type Container, OciRuntime, RUNSC, type Settings } from "./oci-runtime.ts";
import { GOODBYE, MAKE_ORPHANS, ORPHANS } from "./pod.ts";
import { testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

const INTERRUPTED = "Shutting down, got signal: Interrupt\n";
const SIGSYS = 31;
/** How containerd marks a pod's sandbox and its containers, and says which sandbox a container belongs to. */
const KIND = "io.kubernetes.cri.container-type";
const SANDBOX = "io.kubernetes.cri.sandbox-id";

type Pod = {
  readonly sandbox: Container;
  readonly signal: (name: string) => Promise<void>;
  /** The processes that the second container sees: PID, PID of the parent, state, name. */
  readonly processes: () => Promise<readonly string[][]>;
  readonly exec: (...command: readonly string[]) => Promise<string>;
};

describe.each(PROGRAMS)(`${RUNSC.name}, a pod of two containers that share processes: $name`, (program) => {
  const test = testWith(...RUNSC.tools, "busybox");

  test("PID 1 is /pause, a container's orphans are reaped, and SIGTERM ends it with 0", async () => {
    await withPod(program, {}, async ({ sandbox, signal, processes, exec }) => {
      const orphans = await until(`${ORPHANS} orphans to become children of /pause`, async () => {
        const children = (await processes()).filter(([, parent]) => parent === "1");
        return children.length === ORPHANS ? children : undefined;
      });
      await exec("/bin/busybox", "kill", "-KILL", ...orphans.map(([pid = ""]) => pid));
      await until("/pause to reap them", async () =>
        (await processes()).some(([, parent]) => parent === "1") ? undefined : true,
      );
      await signal("TERM");
      expect(await sandbox.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
    });
  });

  test("SIGINT ends it with 0", async () => {
    await withPod(program, {}, async ({ sandbox, signal }) => {
      await signal("INT");
      expect(await sandbox.ended).toEqual({ status: 0, stdout: "", stderr: INTERRUPTED });
    });
  });
});

/** Gives a command a full pipe as its stderr, with a sleeping reader. */
const UNREAD = 'exec 9> >(exec sleep 30 >/dev/null 2>&1); head --bytes 65536 /dev/zero >&9; exec "$@" 2>&9';

describe(`${RUNSC.name}, a stderr that nobody reads`, () => {
  testWith(
    ...RUNSC.tools,
    "busybox",
    "bash",
  )("does not hold it up: SIGTERM ends /pause with 0", async () => {
    await withPod(SHIPPED, { under: ["bash", "-c", UNREAD, "bash"] }, async ({ sandbox, signal }) => {
      await signal("TERM");
      expect(
        await Promise.race([
          sandbox.ended.then(({ status }) => status),
          Bun.sleep(10_000).then(() => "still there after 10 s"),
        ]),
      ).toBe(0);
    });
  });
});

describe(`${RUNSC.name}, deploy/seccomp.json`, () => {
  const test = testWith(...RUNSC.tools, "busybox");

  test("under it /pause parks, and SIGTERM ends it with 0", async () => {
    await withPod(SHIPPED, { seccomp: profile }, async ({ sandbox, signal }) => {
      await signal("TERM");
      expect(await sandbox.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
    });
  });

  test("without write in it, /pause is killed when it writes, so the profile is in force", async () => {
    const syscalls = profile.syscalls.map((group) => ({
      ...group,
      names: group.names.filter((name) => name !== "write"),
    }));
    await withPod(SHIPPED, { seccomp: { ...profile, syscalls } }, async ({ sandbox, signal }) => {
      await signal("TERM");
      expect((await sandbox.ended).status).toBe(128 + SIGSYS);
    });
  });
});

/** Runs a parked sandbox of `program`, and in it a container that makes orphans. */
async function withPod(program: Program, settings: Settings, use: (pod: Pod) => Promise<void>): Promise<void> {
  using workspace = await Workspace.create();
  await using runsc = new OciRuntime(RUNSC, workspace);
  const sandbox = await runsc.start("sandbox", await pauseImage(workspace, program), {
    ...settings,
    annotations: { [KIND]: "sandbox" },
  });
  await runsc.start("second", await busyboxImage(workspace), {
    args: ["/bin/busybox", "sh", "-c", MAKE_ORPHANS],
    join: { pid: sandbox.pid, namespaces: ["pid", "ipc", "network"] },
    annotations: { [KIND]: "container", [SANDBOX]: "sandbox" },
  });
  const exec = (...command: readonly string[]) => runsc.exec("second", ...command);
  const processes = async () => {
    const [, ...lines] = (await exec("/bin/busybox", "ps", "-o", "pid,ppid,stat,comm")).split("\n");
    return lines.map((line) => line.trim().split(/\s+/));
  };
  await until("/pause to park", async () => ((await processes())[0]?.join(" ") === "1 0 S pause" ? true : undefined));
  await use({ sandbox, signal: (name) => runsc.kill("sandbox", name), processes, exec });
}

/** Asks until there is an answer. @throws Error naming what did not happen. */
async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 40; tries++) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await Bun.sleep(100);
  }
  throw new Error(`gave up waiting for ${what}`);
}
