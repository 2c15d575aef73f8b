import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { contract } from "../../harness/case.ts";
import { count } from "../../harness/place.ts";
import { blockedIn, children, cost, RT_SIGTIMEDWAIT, status } from "../../harness/proc.ts";
import { drill, parked, soon } from "../../harness/stage.ts";

const MOMENTS = count(200, 40);

contract("beyond upstream", [
  ...(["SIGTERM", "SIGINT"] as const).map((signal) => ({
    rows: ["B1"] as const,
    shows: `${signal} at ${MOMENTS} random moments of the first 20 ms: the first system call blocks it, and none is lost`,
    run: async (artifact: { readonly path: string }) => {
      expect(await drill("moments", MOMENTS, signal === "SIGTERM" ? 15 : 2, artifact.path)).toBe("");
    },
  })),
  {
    rows: ["B2", "P7"],
    shows: "a storm of 5,000 orphans leaves none, and costs 0 ns and no wake-up",
    run: (artifact) =>
      parked(artifact, {}, async (actor) => {
        const before = cost(actor.pid);
        expect(await drill("orphans", actor.pid, 5000)).toBe("");
        await soon("5,000 orphans to be gone", () => (children(actor.pid).length === 0 ? true : undefined));
        expect(cost(actor.pid)).toEqual(before);
        expect((await actor.end()).status).toBe(0);
      }),
  },
  {
    rows: ["B2", "B4"],
    shows: "while parked it has one thread, stays in one system call, and does not run",
    run: (artifact) =>
      parked(artifact, {}, async ({ pid }) => {
        const before = cost(pid);
        await Bun.sleep(1000);
        expect(readdirSync(`/proc/${pid}/task`).length).toBe(1);
        expect(status(pid, "Threads")).toBe("1");
        expect(blockedIn(pid)).toBe(RT_SIGTIMEDWAIT);
        expect(cost(pid)).toEqual(before);
      }),
  },
  ...[true, false].map((first) => ({
    rows: ["B3"] as const,
    shows: `nine children that had ended before it started are reaped, ${first ? "as PID 1" : "as another"}`,
    run: (artifact: Parameters<typeof parked>[0]) =>
      parked(artifact, { first, make: ["zombies=9"] }, (actor) => {
        expect(children(actor.pid)).toEqual([]);
        return Promise.resolve();
      }),
  })),
  ...(["pipe", "socket", "tty"] as const).flatMap((kind) =>
    ([true, false] as const).map((first) => ({
      rows: ["B5"] as const,
      shows: `stderr is a ${kind} that takes no more, ${first ? "as PID 1" : "as another"}: it parks, and either signal ends it with 0`,
      run: async (artifact: Parameters<typeof parked>[0]) => {
        for (const signal of ["SIGTERM", "SIGINT"] as const) {
          const end = await parked(artifact, { first, make: [`stuck=2:${kind}`] }, (actor) => actor.end(signal));
          expect(end).toEqual({ status: 0, stdout: "", stderr: "" });
        }
      },
    })),
  ),
  {
    rows: ["B6"],
    shows:
      "as PID 1 in the background of a terminal with tostop: parked it uses no CPU, and either signal ends it with 0",
    run: async (artifact) => {
      for (const signal of ["SIGTERM", "SIGINT"] as const) {
        const end = await parked(artifact, { make: ["background=2"] }, async (actor) => {
          const before = cost(actor.pid);
          await Bun.sleep(200);
          expect(cost(actor.pid)).toEqual(before);
          return actor.end(signal);
        });
        expect(end).toEqual({ status: 0, stdout: "", stderr: "" });
      }
    },
  },
]);
