import { describe, expect, test as plain } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import profile from "../../deploy/seccomp.json";
import { children } from "../../harness/proc.ts";
import { soon } from "../../harness/stage.ts";
import { busyboxImage, pauseImage, SHIPPED } from "./images.ts";
import { CRUN, OciRuntime, RUNC } from "./oci-runtime.ts";
import { GOODBYE, parked } from "./pod.ts";
import { type Output, run, start, testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

const SIGSYS = 31;

/** The profile's first group is /pause's own; execve is the call that starts it. */
const [own] = profile.syscalls;
const OWN_CALLS = own?.names ?? [];
const ALL_CALLS = profile.syscalls.flatMap(({ names }) => names);

/** A profile that forbids almost nothing, so that a runtime loads it and continues as usual. */
const ALL_BUT_ACCT = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["acct"], action: "SCMP_ACT_ERRNO" }] };
const TRACED = 5;
const STARTS = 10;

/** Runs of /pause that together make every call it can make: arguments, PID 1 or not, signals during its wait. */
const RUNS: readonly {
  readonly args: readonly string[];
  readonly first: boolean;
  readonly signals: readonly NodeJS.Signals[];
}[] = [
  { args: [], first: true, signals: ["SIGTERM"] },
  { args: [], first: true, signals: ["SIGINT"] },
  { args: ["--help"], first: true, signals: ["SIGSTOP", "SIGCONT", "SIGTERM"] },
  { args: [], first: false, signals: ["SIGSTOP", "SIGCONT", "SIGINT"] },
  { args: ["-v"], first: true, signals: [] },
  { args: ["a", "-V"], first: false, signals: [] },
];

describe("the seccomp profile", () => {
  testWith("strace", "unshare")("lists the calls that /pause makes from exec to exit: no fewer, no more", async () => {
    using workspace = await Workspace.create();
    const made = await Promise.all(RUNS.map((run, index) => callsMade(run, workspace.path(`strace-${index}`))));
    expect([...new Set(made.flat())].toSorted()).toEqual([...OWN_CALLS]);
  });

  testWith(
    "bwrap",
    "gcc",
    "busybox",
  )("under exactly these and execve, /pause parks and ends with 0, and busybox is killed", async () => {
    using workspace = await Workspace.create();
    const root = workspace.folder("root");
    copyFileSync(SHIPPED.path, join(root, "pause"));
    copyFileSync(Bun.which("busybox") ?? "busybox", join(root, "busybox"));
    const filter = workspace.path("filter.bpf");
    await Bun.write(filter, allowOnly(await numbers([...OWN_CALLS, "execve"])));
    const confined = (...command: readonly string[]) =>
      start(
        [
          "sh",
          "-c",
          'exec bwrap --unshare-pid --as-pid-1 --ro-bind "$0" / --seccomp 9 "$@" 9<"$FILTER"',
          root,
          ...command,
        ],
        { FILTER: filter },
      );

    const pause = confined("/pause");
    try {
      const pid = await soon("bwrap to start /pause", () => children(pause.pid)[0]);
      await parked(pid);
      process.kill(pid, "SIGTERM");
      expect((await pause.ended).status).toBe(0);
    } finally {
      pause.kill();
    }
    expect(await confined("/pause", "-v").ended).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("pause.ts"),
    });
    expect((await confined("/busybox", "true").ended).status).toBe(128 + SIGSYS);
  });

  plain("names no call twice, and its first group is sorted", () => {
    const names = profile.syscalls.flatMap((group) => group.names);
    expect(new Set(names).size).toBe(names.length);
    expect([...OWN_CALLS]).toEqual([...OWN_CALLS].toSorted());
  });
});

describe.each([RUNC, CRUN])("the seccomp profile under $name", (kind) => {
  testWith("strace", ...kind.tools)(
    `lists the calls made under it until /pause is executed, as strace saw them in ${TRACED} starts`,
    async () => {
      using workspace = await Workspace.create();
      const archive = await pauseImage(workspace, SHIPPED);
      await using runtime = new OciRuntime(kind, workspace);
      const made = new Set<string>();
      for (let number = 1; number <= TRACED; number++) {
        const log = workspace.path(`strace-${number}`);
        const strace = ["strace", "--follow-forks", "--decode-pids=comm", "--output", log];
        const container = await runtime.start(`traced-${number}`, archive, { seccomp: ALL_BUT_ACCT, under: strace });
        await parked(container.pid);
        await runtime.kill(`traced-${number}`, "TERM");
        await container.ended;
        for (const call of callsUnderFilter(log)) made.add(call);
      }
      expect([...made]).toContain("execve");
      expect([...made].filter((call) => !ALL_CALLS.includes(call))).toEqual([]);
    },
  );

  testWith(...kind.tools, "busybox")(
    `/pause parks under it and SIGTERM ends it with 0, in ${STARTS} starts of ${STARTS}; busybox is killed`,
    async () => {
      using workspace = await Workspace.create();
      const archive = await pauseImage(workspace, SHIPPED);
      await using runtime = new OciRuntime(kind, workspace);
      for (let number = 1; number <= STARTS; number++) {
        const container = await runtime.start(`pause-${number}`, archive, { seccomp: profile });
        await parked(container.pid);
        await runtime.kill(`pause-${number}`, "TERM");
        expect(await container.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
      }
      const busybox = await runtime.prepare("busybox", await busyboxImage(workspace), {
        args: ["/bin/busybox", "true"],
        seccomp: profile,
      });
      expect((await start(busybox).ended).status).toBe(128 + SIGSYS);
    },
  );

  testWith(...kind.tools)(
    "under a profile without rt_sigtimedwait, such as another pause's, /pause exits with 42 at once",
    async () => {
      using workspace = await Workspace.create();
      const archive = await pauseImage(workspace, SHIPPED);
      await using runtime = new OciRuntime(kind, workspace);
      const waits = { names: ["rt_sigtimedwait"], action: "SCMP_ACT_ERRNO" };
      const seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [waits] };
      const command = await runtime.prepare("recorded", archive, { seccomp });
      expect(await start(command).ended).toMatchObject({ status: 42, stderr: "Error: infinite loop terminated\n" });
    },
  );
});

/** Runs /pause under strace. Returns the names of the calls after its execve. */
async function callsMade({ args, first, signals }: (typeof RUNS)[number], log: string): Promise<string[]> {
  const place = first ? ["unshare", "--pid", "--fork", "--kill-child"] : [];
  const strace = start(["strace", "--follow-forks", "--output", log, ...place, SHIPPED.path, ...args]);
  try {
    for (const signal of signals) process.kill(await waiting(log, signal, strace.ended), signal);
    await strace.ended;
  } finally {
    strace.kill();
  }
  const { calls, last } = tracedPause(log);
  expect(last).toBe("+++ exited with 0 +++");
  return calls;
}

/** The PID of the traced /pause, once it has reached its wait and, before a SIGCONT, once it has stopped. */
async function waiting(log: string, signal: NodeJS.Signals, ended: Promise<Output>): Promise<number> {
  const reached = soon(`/pause under strace to be ready for ${signal}`, () => {
    const { pid, last } = tracedPause(log);
    return (signal === "SIGCONT" ? last.includes("stopped by SIGSTOP") : last.startsWith("rt_sigtimedwait("))
      ? pid
      : undefined;
  });
  const first = await Promise.race([reached, ended]);
  if (typeof first !== "number") throw new Error(`strace ended with ${first.status}: ${first.stderr}`);
  return first;
}

/** What strace's log says about the process that executed /pause: its calls from then on, and the last line. */
function tracedPause(log: string) {
  const lines = readFileSync(log, { encoding: "latin1", flag: "a+" })
    .trimEnd()
    .split("\n")
    .map((line) => /^(\d+) +(.*)$/.exec(line)?.slice(1) ?? []);
  const exec = lines.findIndex(([, said]) => said?.startsWith(`execve("${SHIPPED.path}"`));
  const pid = lines[exec]?.[0];
  const said = exec < 0 ? [] : lines.slice(exec + 1).flatMap(([who, what = ""]) => (who === pid ? [what] : []));
  const calls = said.flatMap((line) => /^(\w+)\(/.exec(line)?.[1] ?? []);
  return { pid: Number(pid), calls, last: said.at(-1) ?? "" };
}

/**
 * The calls of a container's first process between loading a filter and executing /pause. In runc, that process has
 * many threads with the same name; in crun, one.
 */
function callsUnderFilter(log: string): string[] {
  const lines = readFileSync(log, "latin1")
    .split("\n")
    .map((line) => /^(\d+)<([^>]*)> +(.*)$/.exec(line)?.slice(1) ?? []);
  const load = lines.findIndex(([, , said]) =>
    /^(seccomp\(SECCOMP_SET_MODE_FILTER|prctl\(PR_SET_SECCOMP), .*\{len=/.test(said ?? ""),
  );
  const exec = lines.findIndex(([, , said]) => said?.startsWith('execve("/pause"'));
  if (load < 0 || exec < load) throw new Error(`no filter is loaded before /pause is executed in ${log}`);
  const [loader] = lines[load] ?? [];
  const under = lines.slice(load + 1, exec + 1).filter(([pid, name]) => pid === loader || name === "runc:[2:INIT]");
  return under.flatMap(([, , said = ""]) => /^(\w+)\(/.exec(said)?.[1] ?? []);
}

/** The system call numbers in this machine's kernel headers. */
async function numbers(names: readonly string[]): Promise<number[]> {
  const source = ["#include <sys/syscall.h>", ...names.map((name) => `number __NR_${name}`)].join("\n");
  const lines = (await run(["gcc", "-E", "-P", "-"], {}, source)).split("\n");
  return lines.flatMap((line) => /^number (\d+)$/.exec(line)?.[1] ?? []).map(Number);
}

/**
 * A seccomp filter (seccomp(2), linux/filter.h) that kills the process unless the machine is x86-64 and the call is one
 * of these.
 */
function allowOnly(calls: readonly number[]): Uint8Array {
  const [LOAD_WORD, JUMP_IF_EQUAL, RETURN] = [0x20, 0x15, 0x06];
  const [NUMBER, ARCHITECTURE, AUDIT_ARCH_X86_64] = [0, 4, 0xc000_003e];
  const [KILL_PROCESS, ALLOW] = [0x8000_0000, 0x7fff_0000];
  const instructions = [
    [LOAD_WORD, 0, 0, ARCHITECTURE],
    [JUMP_IF_EQUAL, 1, 0, AUDIT_ARCH_X86_64],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD_WORD, 0, 0, NUMBER],
    ...calls.map((call, index) => [JUMP_IF_EQUAL, calls.length - index, 0, call]),
    [RETURN, 0, 0, KILL_PROCESS],
    [RETURN, 0, 0, ALLOW],
  ];
  const bytes = Buffer.alloc(instructions.length * 8);
  for (const [index, [code = 0, ifTrue = 0, ifFalse = 0, value = 0]] of instructions.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value, index * 8 + 4);
  }
  return bytes;
}
