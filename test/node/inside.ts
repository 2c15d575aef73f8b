import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { command } from "../../src/support/command.ts";
import { BUSYBOX, busyboxImage, hashOf, IMAGE, type Program, pauseImage } from "../runtimes/images.ts";
import { Workspace } from "../runtimes/workspace.ts";
import { type Outcome, runCases } from "./cases.ts";
import { type CritestOutcome, runCritest } from "./critest.ts";
import { callingDriver, kubeletDriver } from "./driver.ts";
import type { Given } from "./given.ts";
import type { Place } from "./pods.ts";
import { Runtime } from "./runtime.ts";

/** The task of one node, and where to write the results. */
export type Plan = {
  readonly given: Given;
  readonly program: Program;
  readonly result: string;
};

/** The results with one program: of the cases, and of the CRI's own tests if given. */
export type NodeResult = Outcome & {
  /** The programs' own names and versions. */
  readonly programs: readonly string[];
  readonly driver: string;
  readonly critest?: CritestOutcome | undefined;
};

/** The runtime for containers, by its own version text; it runs here, where its libraries are. */
function startedBy({ runc, crun }: Given): string {
  const program = runc ?? crun ?? "";
  const { stdout } = Bun.spawnSync([program, "--version"], { stderr: "ignore" });
  return `${basename(program)} ${/version (\S+)/.exec(stdout.toString())?.[1] ?? ""}`.trim();
}

/** The inner end of the command that runs in separate namespaces: a node whose pods' sandboxes run one program. */
if (import.meta.main) {
  await command("test:node", async (run, [path = ""]) => {
    const { given, program, result }: Plan = JSON.parse(readFileSync(path, "utf8"));
    using workspace = await Workspace.create();
    const runtime = await Runtime.start(run, given);
    await runtime.load(await pauseImage(workspace, program), IMAGE);
    await runtime.load(await busyboxImage(workspace), BUSYBOX);
    const place: Place = { network: given.cni !== undefined, logs: workspace.folder("pods") };
    const driver =
      given.kubelet === undefined ? callingDriver(runtime, place) : await kubeletDriver(run, given, runtime, place);
    const outcome = await runCases(runtime, driver, hashOf(program.path));
    const critest = given.critest === undefined ? undefined : await runCritest(run, given.critest, runtime);
    using cri = runtime.cri();
    const found: NodeResult = {
      ...outcome,
      programs: [await cri.version(), startedBy(given)],
      driver: driver.name,
      critest,
    };
    writeFileSync(result, JSON.stringify(found));
  });
}
