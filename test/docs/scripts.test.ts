import { expect } from "bun:test";
import { join } from "node:path";
import { program, testNeeding } from "../../harness/privilege.ts";
import { REPOSITORY, read } from "./pages.ts";

type Job = {
  readonly defaults?: { readonly run: { readonly shell: string } };
  readonly steps: readonly { readonly run?: string }[];
};

/** Every script of the repository, found by its first line, which names its shell. */
const FILES = [
  ...new Bun.Glob("{.ci,.githooks,bench,deploy,harness,src,test}/**").scanSync({ cwd: REPOSITORY, dot: true }),
]
  .filter((path) => !path.includes("node_modules/"))
  .map((path) => ({ name: path, text: read(path) }))
  .filter(({ text }) => /^#!.*\b(ba)?sh$/m.test(text.split("\n", 1)[0] ?? ""));

/** The workflows' steps: in a container, sh runs them unless the job names another shell. */
const STEPS = [...new Bun.Glob("*.yml").scanSync(join(REPOSITORY, ".github/workflows"))].flatMap((file) => {
  const { jobs } = Bun.YAML.parse(read(`.github/workflows/${file}`)) as { jobs: Record<string, Job> };
  return Object.entries(jobs).flatMap(([job, { defaults, steps }]) =>
    steps.flatMap(({ run }, index) =>
      run === undefined
        ? []
        : [
            {
              name: `${file}, ${job}, step ${index + 1}`,
              text: `#!/bin/${defaults?.run.shell ?? "sh"}\n${run.replace(/\$\{\{.*?\}\}/g, "x")}\n`,
            },
          ],
    ),
  );
});

for (const { name, text } of [...FILES, ...STEPS])
  testNeeding(program("shellcheck"))(`shellcheck finds nothing in ${name}`, () => {
    const { stdout, success } = Bun.spawnSync(["shellcheck", "--format=gcc", "-"], { stdin: Buffer.from(text) });
    expect(stdout.toString()).toBe("");
    expect(success).toBe(true);
  });

testNeeding()("there are scripts to check", () => {
  expect(FILES.map(({ name }) => name)).toContain(".ci/run");
  expect(STEPS.length).toBeGreaterThan(10);
});
