import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { blocksOf, commandsIn, documentedBlocks, documentedCommand, isMarked } from "../../harness/documented.ts";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { run, testWith } from "../runtimes/tools.ts";
import { Workspace } from "../runtimes/workspace.ts";
import { PAGES, REPOSITORY, read, scripts } from "./pages.ts";

const MINUTES = 60_000;
const NPX = "npx -y bun@1.4.5 ";

/** The commands in README.md that .ci/run runs, also through a name of package.json. */
const [INSTALL, TEST] = blocksOf(read("README.md")).filter(({ language }) => language === "sh");
const RUN_AS_THEY_STAND = [INSTALL, TEST]
  .flatMap((block) => (block === undefined ? [] : commandsIn(block)))
  .flatMap((command) => [command, ...behind(command)]);

/**
 * Then .ci/run runs CONTRIBUTING.md's line that installs what `bun run test:all` needs, and the other half of that
 * command.
 */
const RUN_AFTERWARDS = [
  ...read("CONTRIBUTING.md")
    .split("\n")
    .filter((line) => line.startsWith("apt-get update && "))
    .flatMap((line) => line.split(" && ")),
  ...behind(`${NPX}run test:rest`).map((command) => command.replace("bun src/build/cli.ts", `${NPX}run build`)),
];

/** The commands that tests take from a page and run: the page, and how the command begins. */
const TAKEN = [...new Bun.Glob("test/**/*.ts").scanSync(REPOSITORY)].flatMap((file) =>
  [...read(file).matchAll(/\bdocumentedCommand\(\s*"([^"]+)",\s*"([^"]+)"\)/g)].map(
    ([, page = "", beginning = ""]) => ({ file, page, beginning }),
  ),
);

/** The commands that `bun run NAME` stands for in package.json, with the words after the name. */
function behind(command: string): readonly string[] {
  const [, name = "", rest = ""] = /^npx -y bun@\S+ run (\S+)(.*)$/.exec(command) ?? [];
  const script = scripts[name];
  return script === undefined ? [] : `${script}${rest}`.split(" && ");
}

describe("a test runs each command of a shell block, or the block says that none does", () => {
  for (const page of PAGES) {
    for (const block of blocksOf(read(page)).filter(({ language }) => language === "sh")) {
      test(`${page}, ${block.heading}: ${block.text.split("\n")[0]?.slice(0, 60)}`, () => {
        if (isMarked(block)) return;
        for (const command of commandsIn(block)) {
          const taken = TAKEN.some(({ page: of, beginning }) => of === page && command.startsWith(beginning));
          const stands = [command, ...behind(command)].some((each) =>
            [...RUN_AS_THEY_STAND, ...RUN_AFTERWARDS].includes(each),
          );
          expect(
            taken || stands,
            `${page}: no test runs \`${command}\`; take it from the page by documentedCommand, or begin the block with "# not run by the tests: " and the reason`,
          ).toBe(true);
        }
      });
    }
  }

  test(".ci/run takes the first two blocks of README.md, each of one line", () => {
    expect([INSTALL, TEST].map((block) => block?.text.split("\n").length)).toEqual([1, 1]);
    expect([INSTALL, TEST].map((block) => block !== undefined && commandsIn(block).at(-1))).toEqual([
      `${NPX}run start`,
      `${NPX}run test`,
    ]);
  });
});

describe("bun run", () => {
  /** Every `run NAME`, with its options, in the prose and blocks of all pages. */
  const named = PAGES.flatMap((page) =>
    [...read(page).matchAll(/\bbun(?:@\S+)? run ([a-z][\w:-]*)((?: --[a-z-]+)*)/g)].map(
      ([, name = "", options = ""]) => ({ page, name, options: options.trim().split(" ").filter(Boolean) }),
    ),
  );

  test("has each script that a page names, and each script knows the options that a page gives it", () => {
    expect(named.length).toBeGreaterThan(20);
    for (const { page, name, options } of named) {
      const script = scripts[name];
      expect(script, `${page} names bun run ${name}, which package.json has not`).toBeDefined();
      const file = script === undefined ? undefined : /^bun (\S+\.ts)/.exec(script)?.[1];
      for (const option of options)
        expect(read(file ?? "package.json"), `${page} names bun run ${name} ${option}`).toContain(option);
    }
  });

  test("has no script that no page names", () => {
    const names = named.map(({ name }) => name);
    expect(Object.keys(scripts).filter((name) => !names.includes(name))).toEqual([]);
  });
});

/** Runs a documented command in the repository with this Bun. */
const inRepository = (command: string) =>
  run(["env", "--chdir", REPOSITORY, process.execPath, ...command.slice(NPX.length).split(" ")]);

describe("a reader's commands work", () => {
  test(
    "the image is made for both architectures",
    async () => {
      expect(await inRepository(documentedCommand("docs/image.md", "npx -y bun@1.4.5 run image"))).toMatch(
        /linux\/amd64 .*\n.*linux\/arm64 /,
      );
    },
    MINUTES,
  );

  test("docs/build.md: the sums of both files match their provenance", async () => {
    const sums = await run([
      "env",
      "--chdir",
      REPOSITORY,
      ...documentedCommand("docs/build.md", "sha256sum ").split(" "),
    ]);
    const recorded = ["amd64", "arm64"].map((name) => {
      const { artifacts }: { artifacts: { path: string; sha256: string }[] } = JSON.parse(
        read(`dist/${name}/provenance.json`),
      );
      return `${artifacts.find(({ path }) => path === "pause")?.sha256}  dist/${name}/pause`;
    });
    expect(sums.split("\n")).toEqual(recorded);
  });

  test(
    "docs/build.md: the image's archive is verified for both architectures (takes 1 minute)",
    async () => {
      const said = await inRepository(documentedCommand("docs/build.md", "npx -y bun@1.4.5 run verify "));
      expect(said.match(/^dist\/pause\.oci\.tar \(linux\/\w+\): the same bytes as a build of /gm)?.length).toBe(
        ARCHITECTURES.length,
      );
    },
    16 * MINUTES,
  );

  test(
    "the quick loop",
    async () => {
      await inRepository(documentedCommand("CONTRIBUTING.md", "npx -y bun@1.4.5 run test:quick"));
    },
    5 * MINUTES,
  );

  test(
    "the types are right",
    async () => {
      await inRepository(documentedCommand("CONTRIBUTING.md", "npx -y bun@1.4.5 run check"));
    },
    5 * MINUTES,
  );

  test(
    "one folder's tests run alone",
    async () => {
      await inRepository(documentedCommand("CONTRIBUTING.md", "npx -y bun@1.4.5 test "));
    },
    MINUTES,
  );

  testWith("buildah")(
    "docs/scratch.md: an image of the file alone, which runs as 65535",
    async () => {
      using workspace = await Workspace.create();
      await workspace.write(
        "context/Dockerfile",
        documentedBlocks("docs/scratch.md", "Use pause in a scratch image", "dockerfile").flat().join("\n"),
      );
      copyFileSync(join(REPOSITORY, "dist/pause"), workspace.path("context/pause"));
      const { user, entrypoint, files } = await built(workspace);
      expect({ user, entrypoint, files }).toEqual({ user: "65535:65535", entrypoint: ["/pause"], files: ["pause"] });
    },
    MINUTES,
  );

  testWith("buildah", "sh")(
    "docs/link.md: a program of one's own, alone in an image",
    async () => {
      using workspace = await Workspace.create();
      await workspace.write("context/server.ts", 'console.log("it runs");\n');
      const bin = workspace.folder("bin");
      writeFileSync(
        join(bin, "bun-static"),
        `#!/bin/sh\nexec ${process.execPath} ${join(REPOSITORY, "src/link/cli.ts")} "$@"\n`,
      );
      chmodSync(join(bin, "bun-static"), 0o755);
      const lines = [
        documentedCommand("docs/link.md", "bun-static server.ts"),
        documentedCommand("docs/link.md", "printf "),
      ];
      const env = { ...workspace.env, PATH: `${bin}:${process.env.PATH}` };
      for (const line of lines) await run(["env", "--chdir", workspace.folder("context"), "sh", "-c", line], env);
      expect(documentedCommand("docs/link.md", "buildah build ")).toBe("buildah build --tag server .");
      const { entrypoint, files, root } = await built(workspace);
      expect({ entrypoint, files }).toEqual({ entrypoint: ["/server"], files: ["server"] });
      expect(await run(["chroot", root, ...entrypoint])).toBe("it runs");
    },
    2 * MINUTES,
  );
});

type Manifest = {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
};
type Config = { readonly config: { readonly User?: string; readonly Entrypoint?: readonly string[] } };

/** The unpacked image that `buildah build` makes of the context. It may be larger than `verify` accepts. */
async function built(workspace: Workspace) {
  const [folder, root] = [workspace.folder("built"), workspace.folder("unpacked")];
  await run(["buildah", "build", "--quiet", "--tag", "server", workspace.path("context")], workspace.env);
  await run(["buildah", "push", "--quiet", "server", `dir:${folder}`], workspace.env);
  const blob = (digest: string) => join(folder, digest.replace("sha256:", ""));
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  const { config }: Config = JSON.parse(readFileSync(blob(manifest.config.digest), "utf8"));
  for (const { digest } of manifest.layers) await run(["tar", "--extract", "--file", blob(digest), "-C", root]);
  const files = [...new Bun.Glob("**").scanSync({ cwd: root, dot: true })];
  return { user: config.User ?? "", entrypoint: config.Entrypoint ?? [], root, files };
}
