import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../src/support/error.ts";
import { Interrupted } from "../../src/support/interrupted.ts";
import { Scope } from "../../src/support/scope.ts";

/** A zombie does not run any more, and perhaps only PID 1 has yet to reap it. */
const runs = (pid: number) => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));

describe("a scope", () => {
  test("returns what a command wrote and how it ended", async () => {
    await using run = new Scope();
    const ending = await run.spawn(["sh", "-c", "echo out; echo err >&2; exit 3"]).ended;
    expect(ending).toEqual({ status: 3, signal: null, late: false, stdout: "out\n", stderr: "err\n" });
  });

  test("reports a signal as a shell does, and a process that took too long", async () => {
    await using run = new Scope();
    const killed = await run.spawn(["sh", "-c", "kill -TERM $$"]).ended;
    expect(killed).toMatchObject({ status: 143, signal: "SIGTERM", late: false });
    const late = await run.spawn(["sleep", "100"], { seconds: 0.05 }).ended;
    expect(late).toMatchObject({ status: 137, signal: "SIGKILL", late: true });
  });

  test("ends a process and its children when it ends", async () => {
    const pids: number[] = [];
    {
      await using run = new Scope();
      const folder = run.folder("scope-");
      const child = run.spawn(["sh", "-c", "sleep 100 & echo $! >pid; trap '' TERM; sleep 100"], { cwd: folder });
      while (!existsSync(join(folder, "pid")) || (await Bun.file(join(folder, "pid")).text()) === "")
        await Bun.sleep(5);
      pids.push(child.pid, Number(await Bun.file(join(folder, "pid")).text()));
      expect(pids.map(runs)).toEqual([true, true]);
    }
    expect(pids.map(runs)).toEqual([false, false]);
  });

  test("ends what a command left in its process group", async () => {
    await using run = new Scope();
    const { stdout } = await run.spawn(["sh", "-c", "sleep 100 >&- 2>&- & echo $!"]).ended;
    expect(runs(Number(stdout))).toBe(false);
  });

  test("starts a process with no signal ignored or blocked, whatever it was started with itself", async () => {
    await using run = new Scope();
    const script = `import { Scope } from ${JSON.stringify(join(import.meta.dir, "../../src/support/scope.ts"))};
      await using run = new Scope();
      process.stdout.write((await run.spawn(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]).ended).stdout);`;
    const ignoring = [
      "env",
      "--block-signal=TERM,USR1",
      "--ignore-signal=QUIT,HUP,INT",
      process.execPath,
      "-e",
      script,
    ];
    const { stdout } = await run.spawn(ignoring).ended;
    expect(stdout.split("\n").slice(0, 2)).toEqual(["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"]);
  });

  test("makes separate folders, and removes them", async () => {
    const folders: string[] = [];
    {
      await using run = new Scope();
      folders.push(run.folder("scope-"), run.folder("scope-"));
      for (const folder of folders) writeFileSync(join(folder, "file"), "");
      expect(new Set(folders).size).toBe(2);
    }
    expect(folders.map((folder) => existsSync(folder))).toEqual([false, false]);
  });

  test("says what to do if it cannot make a folder", () => {
    const run = new Scope();
    expect(() => run.folder("x-", "/proc/none")).toThrow(
      new UserError("/proc/none: cannot make a folder there (ENOENT); make it writable, with room"),
    );
  });

  test("names a command that is not found", () => {
    expect(() => new Scope().spawn(["no-such-command"])).toThrow("no-such-command: command not found");
  });

  test("ends the last first, and ends everything even if one end fails", async () => {
    const ended: number[] = [];
    const run = new Scope();
    run.defer(() => void ended.push(1));
    run.defer(() => {
      ended.push(2);
      throw new Error("two");
    });
    const inner = run.nested();
    inner.defer(() => void ended.push(3));
    expect(run[Symbol.asyncDispose]()).rejects.toThrow("two");
    await Bun.sleep(1);
    expect(ended).toEqual([3, 2, 1]);
  });

  test("if aborted, kills what runs, says why, and starts nothing more, not even in a nested scope", async () => {
    await using run = new Scope();
    const inner = run.nested();
    const child = inner.spawn(["sleep", "100"]);
    run.abort(new Interrupted("SIGTERM"));
    expect(child.ended).rejects.toThrow("ended by SIGTERM");
    await child.ended.catch(() => {});
    expect(runs(child.pid)).toBe(false);
    for (const start of [() => inner.spawn(["true"]), () => inner.folder("x-"), () => inner.nested()])
      expect(start).toThrow(Interrupted);
  });

  test("waits for a lock that another process holds, and names that process", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lock-"));
    const holder = new Scope();
    const child = holder.spawn(["flock", folder, "sh", "-c", "echo > held; exec sleep 100"], { cwd: folder });
    while (!readdirSync(folder).includes("held")) await Bun.sleep(5);
    const said: string[] = [];
    await using run = new Scope();
    const lock = run.lock(folder, (who) => said.push(who));
    await Bun.sleep(50);
    expect(said).toEqual([expect.stringMatching(new RegExp(`^process ${child.pid} \\(`))]);
    await holder[Symbol.asyncDispose]();
    await lock;
    // A third one waits for this one.
    const third = new Scope();
    const waiting = third.lock(folder, (who) => said.push(who));
    await Bun.sleep(10);
    expect(said[1]).toMatch(new RegExp(`^process ${process.pid} `));
    third.abort(new Interrupted("SIGINT"));
    expect(waiting).rejects.toThrow("ended by SIGINT");
    await waiting.catch(() => {});
    rmSync(folder, { recursive: true });
  });
});
