import { copyFileSync, cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Need } from "../../harness/privilege.ts";
import { Docker } from "./docker.ts";
import { REPOSITORY } from "./images.ts";
import { pauseIn, readImage } from "./oci.ts";
import { type Output, run, start } from "./tools.ts";
import type { Workspace } from "./workspace.ts";

const BASE = "localhost/stand-in:base";
const RESULT = "localhost/stand-in:result";

/** The architecture of an image, and the output of its /pause. */
export type Made = { readonly architecture: string; readonly pause: string };

/** A builder for the Dockerfile. */
export interface Builder extends AsyncDisposable {
  /** Builds from the stand-in with further arguments. Returns the image, or the command's output if there is none. */
  build(...words: readonly string[]): Promise<Made | Output>;
}

/**
 * A base image with neither Debian nor Bun: its apt-get and bun write down their arguments, and /pause is that note.
 * This shows within a second what each builder makes of the Dockerfile. Returns its archive, as docker takes it.
 */
async function standIn(workspace: Workspace): Promise<string> {
  const context = workspace.folder("stand-in");
  copyFileSync(Bun.which("busybox") ?? "busybox", join(context, "busybox"));
  const note = (name: string) => `echo "${name} $*" >>/note`;
  const tools = {
    "apt-get": note("apt-get"),
    bun: [
      note("bun"),
      `folder=dist/$([ "$3" != --arch ] || echo "$4")`,
      'mkdir -p "$folder"',
      'cp /note "$folder/pause"',
    ].join("\n"),
  };
  for (const [name, script] of Object.entries(tools))
    await workspace.write(`stand-in/${name}`, `#!/bin/sh\n${script}\n`);
  const file = [
    "FROM scratch",
    "COPY --chmod=755 . /bin/",
    "ENV PATH=/bin",
    'RUN ["/bin/busybox", "--install", "-s", "/bin"]',
  ].join("\n");
  await run(["buildah", "build", "--quiet", "--tag", BASE, "--file", "-", context], workspace.env, file);
  const archive = workspace.path("stand-in.tar");
  await run(["buildah", "push", "--quiet", BASE, `docker-archive:${archive}:${BASE}`], workspace.env);
  return archive;
}

/** Only what the Dockerfile copies, because docker sends its whole context to the daemon. */
function context(workspace: Workspace): string {
  const folder = workspace.folder("context");
  for (const name of ["Dockerfile", "package.json", "src"])
    cpSync(join(REPOSITORY, name), join(folder, name), { recursive: true });
  return folder;
}

const command = (words: readonly string[], folder: string) => [
  "build",
  "--build-arg",
  `BUN_IMAGE=${BASE}`,
  "--tag",
  RESULT,
  ...words,
  folder,
];

/** buildah and podman, which share a builder and a storage. */
export async function containersBuilder(program: "buildah" | "podman", workspace: Workspace): Promise<Builder> {
  await standIn(workspace);
  const folder = context(workspace);
  return {
    async build(...words) {
      const output = await start([program, ...command(words, folder)], workspace.env).ended;
      if (output.status !== 0) return output;
      const archive = workspace.path(`${Bun.randomUUIDv7()}.tar`);
      await run(["buildah", "push", "--quiet", RESULT, `oci-archive:${archive}`], workspace.env);
      const image = await readImage(archive);
      return { architecture: image.architecture, pause: new TextDecoder().decode(pauseIn(image)) };
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** The docker command with BuildKit: Debian's up to 22; from 23 on, BuildKit is a plugin, buildx. */
const DOCKER_WITH_BUILDKIT = ["docker", "/usr/bin/docker"].find((docker) => {
  if (Bun.which(docker) === null) return false;
  const version = /version (\d+)\./.exec(Bun.spawnSync([docker, "--version"]).stdout.toString())?.[1];
  return Number(version) < 23 || Bun.spawnSync([docker, "buildx", "version"], { stderr: "ignore" }).success;
});

export const BUILDKIT: Need = {
  name: "dockerd and a docker with BuildKit: apt-get install docker.io",
  present: () => DOCKER_WITH_BUILDKIT !== undefined && Bun.which("dockerd") !== null,
  ordinary: false,
  packages: [],
};

/** docker's classic builder, or its successor. */
export async function dockerBuilder(kind: "classic" | "BuildKit"): Promise<Builder> {
  const docker = await Docker.create("classic");
  await docker.run("load", "--input", await standIn(docker.workspace));
  const folder = context(docker.workspace);
  const cli = kind === "BuildKit" ? (DOCKER_WITH_BUILDKIT ?? "docker") : "docker";
  return {
    async build(...words) {
      const output = await docker.with(
        cli,
        { DOCKER_BUILDKIT: kind === "BuildKit" ? "1" : "0" },
        ...command(["--network=none", ...words], folder),
      );
      if (output.status !== 0) return output;
      const architecture = await docker.run("image", "inspect", "--format", "{{.Architecture}}", RESULT);
      const container = await docker.run("create", RESULT);
      const copied = join(docker.workspace.folder("copied"), "pause");
      await docker.run("cp", `${container}:/pause`, copied);
      return { architecture, pause: readFileSync(copied, "utf8") };
    },
    [Symbol.asyncDispose]: () => docker[Symbol.asyncDispose](),
  };
}
