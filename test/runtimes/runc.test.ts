import { afterAll, describe, expect } from "bun:test";
import { busyboxImage, PROGRAMS, pauseImage, SHIPPED } from "./images.ts";
import { type Cost, GOODBYE, MAKE_ORPHANS, ORPHANS, orphansAreReaped, parked } from "./pod.ts";
import { Runc } from "./runc.ts";
import { testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

const test = testWith("runc", "busybox");
const SHARED = ["pid", "ipc", "network"] as const;
const SIGKILLED = 128 + 9;

describe.each(PROGRAMS)("a pod by hand with runc: $name", (program) => {
  test("a second container joins its namespaces, its orphans are reaped, and after it has gone SIGTERM ends the sandbox with 0", async () => {
    using workspace = await Workspace.create();
    await using runc = new Runc(workspace);
    const sandbox = await runc.start("sandbox", await pauseImage(workspace, program));
    const second = await runc.start("second", await busyboxImage(workspace), {
      args: ["/bin/busybox", "sh", "-c", MAKE_ORPHANS],
      join: { pid: sandbox.pid, namespaces: SHARED },
    });
    costs.set(program.name, await orphansAreReaped(sandbox.pid));

    await runc.kill("second", "KILL");
    expect((await second.ended).status).toBe(SIGKILLED);
    await parked(sandbox.pid);
    await runc.kill("sandbox", "TERM");
    expect(await sandbox.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
  });

  test("SIGTERM ends the sandbox with 0 while the second container runs, which goes with it", async () => {
    using workspace = await Workspace.create();
    await using runc = new Runc(workspace);
    const sandbox = await runc.start("sandbox", await pauseImage(workspace, program));
    await parked(sandbox.pid);
    const second = await runc.start("second", await busyboxImage(workspace), {
      args: ["/bin/busybox", "sleep", "1000"],
      join: { pid: sandbox.pid, namespaces: SHARED },
    });
    await runc.kill("sandbox", "TERM");
    expect(await sandbox.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
    expect((await second.ended).status).toBe(SIGKILLED);
  });
});

const costs = new Map<string, Cost>();

describe("what differs", () => {
  test(`${SHIPPED.name} is not run once while ${ORPHANS} orphans come and go, and has less memory than C`, () => {
    const [pause, reference] = [SHIPPED, ...PROGRAMS.filter((program) => program !== SHIPPED)].map(({ name }) => costs.get(name));
    expect(pause?.switches).toBe(0);
    expect(pause?.resident).toBeLessThan(reference?.resident ?? 0);
  });
});

afterAll(() => {
  for (const [name, { resident, anonymous, switches }] of costs) {
    console.log(`${name}: ${resident} kB resident, of it ${anonymous} kB anonymous; switched away from ${switches} times while ${ORPHANS} orphans were reaped`);
  }
});
