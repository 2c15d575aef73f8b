import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Clone } from "../../harness/clone.ts";
import { sha256 } from "../../src/support/hash.ts";

const FOLDER = mkdtempSync(join(tmpdir(), "pause-together-"));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }), 60_000);

test("two builds at once in one clone both succeed, and the second says that it waits for the first", async () => {
  const clone = Clone.copy(join(FOLDER, "clone"));
  const builds = [1, 2].map(() => {
    const child = Bun.spawn([...clone.command("src/build/cli.ts")], {
      cwd: clone.folder,
      stdout: "ignore",
      stderr: "pipe",
    });
    return { pid: child.pid, ended: Promise.all([child.exited, child.stderr.text()]) };
  });
  const ended = await Promise.all(builds.map(({ ended }) => ended));
  expect(ended.map(([status]) => status)).toEqual([0, 0]);
  const [first, second] = ended[0]?.[1] === "" ? builds : builds.toReversed();
  const said = (await second?.ended)?.[1];
  expect((await first?.ended)?.[1]).toBe("");
  expect(said).toMatch(
    new RegExp(`^process ${first?.pid} \\(.*cli.ts\\) is using \\S+dist: waiting for it to finish\\n$`),
  );
  expect(readdirSync(clone.dist).filter((name) => name.startsWith("."))).toEqual([]);
  const { artifacts } = JSON.parse(readFileSync(join(clone.dist, "provenance.json"), "utf8"));
  for (const { path, sha256: hash } of artifacts) expect(sha256(readFileSync(join(clone.dist, path)))).toBe(hash);
}, 300_000);
