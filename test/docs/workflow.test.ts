import { describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { flat, REPOSITORY, read, scripts } from "./pages.ts";

type Step = {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string>>;
};
type Job = {
  readonly "runs-on": string;
  readonly needs?: string;
  readonly container?: { readonly image: string; readonly options: string };
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: {
    readonly matrix: { readonly runner?: readonly string[]; readonly include?: readonly unknown[] };
  };
  readonly steps: readonly Step[];
};
type Workflow = {
  readonly on: unknown;
  readonly permissions: unknown;
  readonly concurrency: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
};

const FOLDER = ".github/workflows";
const PATHS = [...new Bun.Glob("*.yml").scanSync(join(REPOSITORY, FOLDER))]
  .map((name) => `${FOLDER}/${name}`)
  .toSorted();
const parse = (path: string) => Bun.YAML.parse(read(path)) as Workflow;
const commands = (job: Job | undefined) => (job?.steps ?? []).flatMap(({ run }) => run?.trim() ?? []);
const [ci, release] = PATHS.map(parse);

test("there are two workflows: the tests', and the release's", () => {
  expect(PATHS).toEqual([`${FOLDER}/ci.yml`, `${FOLDER}/release.yml`]);
});

describe.each(PATHS)("%s", (path) => {
  const workflow = parse(path);
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

  test("says in its head that it was never run", () => expect(read(path)).toStartWith("# Never run: "));

  test("may only read the repository, unless a job asks for more", () =>
    expect(workflow.permissions).toEqual({ contents: "read" }));

  test("does not run twice at once", () => expect(workflow.concurrency).toBeDefined());

  test("names each action by a commit with its version after it, the same everywhere", () => {
    const lines = [
      ...PATHS.map(read)
        .join("\n")
        .matchAll(/\buses: (.*)$/gm),
    ].map(([, line = ""]) => line);
    for (const line of lines) expect(line).toMatch(/^actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    const actions = new Set(lines.map((line) => line.replace(/@.*/, "")));
    expect(new Set(lines).size).toBe(actions.size);
  });

  test("runs the tests where namespaces and control groups can be made, below a PID 1 that reaps orphans", () => {
    const containers = Object.values(workflow.jobs).flatMap(({ container }) => container ?? []);
    expect(containers.length).toBe(1);
    for (const { options } of containers) expect(options).toBe("--privileged --cgroupns=host --init");
  });

  test("leaves no token in the checkout", () => {
    const checkouts = steps.filter(({ uses }) => uses?.startsWith("actions/checkout@") === true);
    expect(checkouts.length).toBeGreaterThan(0);
    for (const { with: options } of checkouts) expect(options).toEqual({ "persist-credentials": false as never });
  });

  test("runs only scripts that package.json has", () => {
    const named = [...read(path).matchAll(/\bbun@\S+ run ([\w:-]+)/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

test("the tests run on a runner of each architecture, for a pull request or when main moves, not twice for one commit", () => {
  expect(ci?.on).toEqual({ push: { branches: ["main"] }, pull_request: null });
  expect(ci?.jobs.test?.strategy?.matrix.runner).toEqual(["ubuntu-24.04", "ubuntu-24.04-arm"]);
  expect(commands(ci?.jobs.test)).toContain(".ci/run");
  expect(statSync(join(REPOSITORY, ".ci/run")).mode & 0o111).not.toBe(0);
});

describe("a release", () => {
  const { build, publish } = release?.jobs ?? {};

  test("is made only from a tag", () => expect(release?.on).toEqual({ push: { tags: ["v*"] } }));

  test("is built on a runner of each architecture, which runs the contract and the benchmark and verifies what it built", () => {
    expect(build?.strategy?.matrix.include).toEqual([
      { arch: "amd64", runner: "ubuntu-24.04" },
      { arch: "arm64", runner: "ubuntu-24.04-arm" },
    ]);
    const run = commands(build).map((command) => command.replace(/^npx -y bun@\S+ /, ""));
    const order = [
      "run build --arch all",
      "test test/contract",
      "run release",
      "run verify dist/release/pause.oci.tar",
    ];
    expect(run.filter((command) => order.includes(command))).toEqual(order);
    expect(run).toContain("run bench --quick");
    expect(existsSync(join(REPOSITORY, "test/contract"))).toBe(true);
  });

  test("keeps the folder that the command writes", () => {
    const kept = build?.steps.find(({ with: options }) => options?.name?.startsWith("release-") === true)?.with?.path;
    expect(scripts.release).toBe("bun src/ship/release/cli.ts");
    expect(read("src/ship/release/cli.ts")).toContain("dist/release: pause of commit");
    expect(kept).toBe("dist/release");
  });

  test("is published by the only job that may, after it compared both runners' folders", () => {
    expect(publish?.needs).toBe("build");
    const { contents, packages, "id-token": identity, attestations } = publish?.permissions ?? {};
    expect([contents, packages, identity, attestations]).toEqual(["write", "write", "write", "write"]);
    expect(build?.permissions).toBeUndefined();
    expect(commands(publish)[0]).toContain("diff --recursive --brief release-amd64 release-arm64");
  });
});

test("placeholders for an address are the ones that docs/release.md lists, under one name", () => {
  const { homepage, repository, bugs } = JSON.parse(read("package.json"));
  expect(repository.url).toStartWith(`git+${homepage}/`);
  expect(bugs).toStartWith(`${homepage}/`);
  const listed = flat(read("docs/release.md")).includes(`\`${homepage}\` (a name that RFC 2606 reserves)`);
  expect(listed).toBe(new URL(homepage).hostname.endsWith(".invalid"));
  const owners = read(".github/CODEOWNERS");
  expect(owners.includes("Placeholder")).toBe(owners.includes("@OWNER/"));
});
