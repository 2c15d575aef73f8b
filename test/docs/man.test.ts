import { describe, expect } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { PAUSE } from "../../harness/artifacts.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { children, status } from "../../harness/proc.ts";
import { soon } from "../../harness/stage.ts";
import { version } from "../../package.json";
import { run, start, testWith } from "../runtimes/tools.ts";
import { Workspace } from "../runtimes/workspace.ts";
import { REPOSITORY, read } from "./pages.ts";

const PAGE = join(REPOSITORY, "man/pause.8");
const SECTIONS = [
  "NAME",
  "SYNOPSIS",
  "DESCRIPTION",
  "OPTIONS",
  "SIGNALS",
  "EXIT STATUS",
  "EXAMPLES",
  "DIAGNOSTICS",
  "SEE ALSO",
];
/** By then it handles its two signals. */
const ignoresSigchld = (pid: number) => status(pid, "SigIgn") === "0000000000010000";

const GOODBYE = "Shutting down, got signal: Terminated\n";

describe("pause(8)", () => {
  testNeeding(program("man"))("man shows all its sections without a warning", async () => {
    const { status, stdout, stderr } = await start(["man", "--warnings=all", "--local-file", PAGE], {
      MANWIDTH: "80",
      LC_ALL: "C.UTF-8",
      MANPAGER: "cat",
    }).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("pause — hold the namespaces of a Kubernetes pod open");
    expect(stdout.split("\n").filter((line) => /^[A-Z ]+$/.test(line))).toEqual(SECTIONS);
  });

  testNeeding(program("mandoc"))("mandoc prints no warning", async () => {
    expect(await start(["mandoc", "-T", "lint", "-W", "warning", PAGE]).ended).toEqual({
      status: 0,
      stdout: "",
      stderr: "",
    });
  });

  testWith("unshare", "chroot")("its examples do what the page says", async () => {
    using workspace = await Workspace.create();
    copyFileSync(PAUSE.path, join(workspace.folder("root"), "pause"));
    const examples = [...read("man/pause.8").matchAll(/^\.Dl (.*)$/gm)].map(([, line = ""]) =>
      line.replaceAll("/srv/pause", workspace.path("root")).split(" "),
    );
    const [asks = [], holds = [], ...others] = examples;
    expect(others).toEqual([]);
    expect(await run(asks)).toBe(`pause.ts ${version}`);
    const pod = start(holds);
    try {
      process.kill(await soon("the example to wait", () => children(pod.pid).find(ignoresSigchld)), "SIGTERM");
      expect(await pod.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
    } finally {
      pod.kill();
    }
  });
});
