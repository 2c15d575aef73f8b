import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, read, scripts } from "./pages.ts";

type Step = {
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
  readonly with?: Readonly<Record<string, string>>;
};
type Workflow = {
  readonly on: readonly string[];
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly strategy: { readonly matrix: { readonly runner: readonly string[] } };
        readonly steps: readonly Step[];
      }
    >
  >;
};

const PATH = ".github/workflows/ci.yml";
const workflow = Bun.YAML.parse(read(PATH)) as Workflow;
const [job] = Object.values(workflow.jobs);
const steps = job?.steps ?? [];

test("the workflow runs .ci/run on a runner of each architecture", () => {
  expect(workflow.on).toEqual(["push", "pull_request"]);
  expect(job?.strategy.matrix.runner).toEqual(["ubuntu-24.04", "ubuntu-24.04-arm"]);
  expect(steps.map(({ run }) => run)).toContain(".ci/run");
  expect(statSync(join(REPOSITORY, ".ci/run")).mode & 0o111).not.toBe(0);
});

test("a release is made of a tag alone, once", () => {
  const releasing = steps.filter(
    ({ run, uses }) => run?.endsWith(" run release") === true || uses?.startsWith("actions/upload-artifact@") === true,
  );
  expect(releasing.map((step) => step.if)).toEqual(
    Array.from({ length: 2 }, () => "startsWith(github.ref, 'refs/tags/v') && matrix.runner == 'ubuntu-24.04'"),
  );
});

test("the release is what the command writes, into the folder that it says", () => {
  const kept = steps.find(({ uses }) => uses?.startsWith("actions/upload-artifact@") === true)?.with?.path;
  expect(scripts.release).toBe("bun src/ship/release/cli.ts");
  expect(read("src/ship/release/cli.ts")).toContain(`dist/release: pause of commit`);
  expect(kept).toBe("dist/release");
});

test("its actions are named with a major version, and its head says that it is not run here", () => {
  for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/^actions\/[\w-]+@v\d+$/);
  expect(read(PATH)).toStartWith("# Not run here: ");
});
