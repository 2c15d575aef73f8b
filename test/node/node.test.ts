import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { soon } from "../../harness/stage.ts";
import { REPOSITORY } from "../runtimes/images.ts";
import { start, testWith } from "../runtimes/tools.ts";
import { asked } from "./given.ts";
import type { NodeResult } from "./inside.ts";
import { differences, type NodeRun, summary, table } from "./report.ts";

const MINUTES = 60_000;
const HERE = import.meta.path;

describe("the command line of bun run test:node", () => {
  test.each([
    [[], "no container runtime; give --containerd PATH, --crio PATH, or --debian RELEASE"],
    [["--containerd", HERE], "no program to start containers with; give --runc PATH or --crun PATH"],
    [
      ["--containerd", HERE, "--crio", HERE, "--runc", HERE],
      "both --containerd and --crio; a node has one of them: run it once for each",
    ],
    [["--crio", HERE, "--runc", HERE], "--crio needs two more programs; give --conmon PATH and --pinns PATH, too"],
    [["--containerd", "/nowhere", "--runc", HERE], "--containerd /nowhere: no such file; give the path of containerd"],
    [["--kublet", HERE], "Unknown option '--kublet'"],
  ] as const)("%p", (words, message) => {
    expect(() => asked(words)).toThrow(message);
  });

  test("takes programs by path", () => {
    const options = asked(["--containerd", HERE, "--runc", HERE, "--debian", "trixie,sid", "--write"]);
    expect(options).toEqual({ given: { containerd: HERE, runc: HERE }, debian: ["trixie", "sid"], write: true });
  });
});

describe("the difference between the two programs", () => {
  const result: NodeResult = {
    ...{ programs: ["containerd 1", "runc 1"], driver: "by hand" },
    ...{ seen: { plain: "parked", "plain: deletion": "gone" }, figures: { "plain: start, ms": 10 } },
    critest: { passed: 2, failed: ["both"] },
  };
  const run = (reference: NodeResult): NodeRun => ({
    ...{
      name: "node",
      date: "2026-01-01",
      kernel: "6",
      programs: result.programs,
      left: ["kubelet"],
      pause: result,
      reference,
    },
  });

  test("is nothing if both saw the same", () => {
    expect(differences(run(result))).toEqual([]);
    expect(summary(run(result))).toContain("all 2 cases as with the C program");
    expect(summary(run(result))).toContain("not run, because not given: kubelet");
    expect(table([run(result)])).toContain("| cases as with the C program | 2 of 2 |");
  });

  test("is a case that one saw differently or did not reach, and a test of critest that only one fails", () => {
    const other = { ...result, seen: { plain: "no sandbox" }, critest: { passed: 1, failed: ["both", "its own"] } };
    expect(differences(run(other))).toEqual([
      "plain: parked; the C program: no sandbox",
      "plain: deletion: gone; the C program: not reached",
      "critest, its own: fails with the C program alone",
    ]);
    expect(table([run(other)])).toContain("| cases as with the C program | 0 of 2 |");
  });
});

/** What a run of this PID has left on the host: mounts and control groups. */
function leftBy(pid: number): readonly string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const groups = [...new Bun.Glob("**/pause-node-*").scanSync({ cwd: "/sys/fs/cgroup", onlyFiles: false })];
  return [...mounts, ...groups].filter((each) => each.includes(`pause-node-${pid}-`));
}

testWith(
  "containerd",
  "ctr",
  "runc",
  "busybox",
  "unshare",
)(
  "this machine's containerd and runc: every case is as with the C program, and nothing is left on the host",
  async () => {
    const programs = ["containerd", "runc"].flatMap((name) => [`--${name}`, Bun.which(name) ?? ""]);
    const run = start([process.execPath, join(REPOSITORY, "test/node/cli.ts"), ...programs]);
    await soon("it to make control groups", () => (leftBy(run.pid).length > 0 ? true : undefined));
    const { status, stdout, stderr } = await run.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining("C reference") });
    expect(stdout).toContain("not run, because not given: kubelet, critest, cni");
    expect(stdout).toMatch(/^ {2}plain: parked, PID 1 of its namespace, .* the file under test; container running$/m);
    expect(stdout).toMatch(/^ {2}shared-processes: .* 20 orphans reaped; container running$/m);
    expect(stdout).toMatch(/^ {2}crash-loop: .* container ended with 3$/m);
    expect(stdout).toMatch(/^ {2}restart of the runtime: the sandboxes are the same; the next pod's container runs$/m);
    expect(stdout).toMatch(/^ {2}all \d+ cases as with the C program$/m);
    expect(leftBy(run.pid)).toEqual([]);
  },
  10 * MINUTES,
);
