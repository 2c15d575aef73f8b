import { afterAll, describe, expect } from "bun:test";
import { busyboxImage, PROGRAMS, pauseImage, SHIPPED } from "./images.ts";
import { CRUN, OciRuntime, RUNC } from "./oci-runtime.ts";
import { type Cost, GOODBYE, MAKE_ORPHANS, ORPHANS, orphansAreReaped, parked } from "./pod.ts";
import { testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

const SHARED = ["pid", "ipc", "network"] as const;
const SIGKILLED = 128 + 9;

const CASES = [RUNC, CRUN].flatMap((kind) =>
  PROGRAMS.map((program) => ({ kind, program, runtime: kind.name, name: program.name })),
);

describe.each(CASES)("a pod by hand with $runtime: $name", ({ kind, program }) => {
  const test = testWith(...kind.tools, "busybox");

  test("a second container joins its namespaces, its orphans are reaped, and after it has gone, SIGTERM ends the sandbox with 0", async () => {
    using workspace = await Workspace.create();
    await using runtime = new OciRuntime(kind, workspace);
    const sandbox = await runtime.start("sandbox", await pauseImage(workspace, program));
    const second = await runtime.start("second", await busyboxImage(workspace), {
      args: ["/bin/busybox", "sh", "-c", MAKE_ORPHANS],
      join: { pid: sandbox.pid, namespaces: SHARED },
    });
    costs.set(`${program.name} under ${kind.tools[0]}`, await orphansAreReaped(sandbox.pid));

    await runtime.kill("second", "KILL");
    expect((await second.ended).status).toBe(SIGKILLED);
    await parked(sandbox.pid);
    await runtime.kill("sandbox", "TERM");
    expect(await sandbox.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
  });

  test("SIGTERM ends the sandbox with 0 while the second container runs, and ends that with it", async () => {
    using workspace = await Workspace.create();
    await using runtime = new OciRuntime(kind, workspace);
    const sandbox = await runtime.start("sandbox", await pauseImage(workspace, program));
    await parked(sandbox.pid);
    const second = await runtime.start("second", await busyboxImage(workspace), {
      args: ["/bin/busybox", "sleep", "1000"],
      join: { pid: sandbox.pid, namespaces: SHARED },
    });
    await runtime.kill("sandbox", "TERM");
    expect(await sandbox.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
    expect((await second.ended).status).toBe(SIGKILLED);
  });
});

const costs = new Map<string, Cost>();

describe.each([RUNC, CRUN])("the difference under $name", ({ tools: [tool = ""] }) => {
  testWith(tool)(
    `${SHIPPED.name} does not run once while ${ORPHANS} orphans come and go, and uses less memory than C`,
    () => {
      const [pause, reference] = PROGRAMS.map(({ name }) => costs.get(`${name} under ${tool}`));
      expect(pause?.switches).toBe(0);
      expect(pause?.resident).toBeLessThan(reference?.resident ?? 0);
    },
  );
});

afterAll(() => {
  for (const [name, { resident, anonymous, switches }] of costs) {
    console.log(
      `${name}: ${resident} kB resident, of it ${anonymous} kB anonymous; switched away from ${switches} times while ${ORPHANS} orphans were reaped`,
    );
  }
});
