import { describe, expect, test as plain } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { documentedCommand } from "../../harness/documented.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { version } from "../../package.json";
import { ARCHITECTURES } from "../../src/arch/architectures.ts";
import { LICENSE } from "../../src/ship/components/license.ts";
import { HOST } from "../../src/ship/image/platforms.ts";
import { untar } from "../../src/ship/image/untar.ts";
import { sha256 } from "../../src/support/hash.ts";
import { BASE_STORAGE, baseImage } from "./base-image.ts";
import { BUILDKIT, type Builder, containersBuilder, dockerBuilder } from "./builders.ts";
import { REPOSITORY } from "./images.ts";
import { readImage } from "./oci.ts";
import { OciRuntime, RUNC } from "./oci-runtime.ts";
import { GOODBYE, parked } from "./pod.ts";
import { run, testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

const MINUTES = 60_000;
/** The image list that docs/image.md makes. */
const LIST = "localhost/pause";
const BUILDPLATFORM = `linux/${HOST}`;
/** Debian 12's buildah and podman need this to build for another platform. */
const TOLD = ["--build-arg", `BUILDPLATFORM=${BUILDPLATFORM}`];

const [other] = ARCHITECTURES.filter(({ debian }) => debian !== HOST);
const OTHER = other?.debian ?? "";
const EMULATOR = other?.emulator.package ?? "";

describe("the Dockerfile, built from source", () => {
  testWith("buildah", "mmdebstrap", "runc")(
    "by buildah for both platforms, unchanged except for the base image: each has the file of dist alone, in a layer below 200 kB, and labels; this machine's runs (takes 2 to 5 minutes)",
    async () => {
      mkdirSync(BASE_STORAGE, { recursive: true });
      using workspace = await Workspace.create(BASE_STORAGE);
      await using runc = new OciRuntime(RUNC, workspace);
      const args = { BUN_IMAGE: await baseImage(workspace), REVISION: "0123456789abcdef0123456789abcdef01234567" };
      const buildArgs = Object.entries(args).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
      const archive = workspace.path("pause.oci.tar");
      const documented = documentedCommand("docs/image.md", "buildah build --platform ").replace(
        "BUILDPLATFORM=linux/amd64",
        `BUILDPLATFORM=${BUILDPLATFORM}`,
      );
      try {
        await run([...documented.split(" ").slice(0, -1), "--quiet", ...buildArgs, REPOSITORY], workspace.env);
        await run(["buildah", "manifest", "push", "--quiet", "--all", LIST, `oci-archive:${archive}`], workspace.env);
      } finally {
        // Otherwise, the images would be added to an existing list.
        await run(["buildah", "manifest", "rm", LIST], workspace.env);
      }

      for (const { debian } of ARCHITECTURES) {
        const { architecture, config, layers } = await readImage(archive, debian);
        expect(architecture).toBe(debian);
        expect(config).toMatchObject({ user: "65535:65535", entrypoint: ["/pause"] });
        expect(config.labels).toMatchObject({
          "org.opencontainers.image.title": "pause",
          "org.opencontainers.image.version": version,
          "org.opencontainers.image.licenses": LICENSE,
          "org.opencontainers.image.revision": args.REVISION,
        });
        expect(layers.length).toBe(1);
        const files = layers.flatMap(({ tar }) => untar(archive, tar));
        expect(files.map(({ path }) => path)).toEqual(["pause"]);
        expect(files.map(({ bytes }) => sha256(bytes))).toEqual([
          sha256(readFileSync(join(REPOSITORY, "dist", debian, "pause"))),
        ]);
        expect(layers[0]?.compressed).toBeLessThan(200_000);
      }

      const container = await runc.start("pause", archive);
      await parked(container.pid);
      await runc.kill("pause", "TERM");
      expect(await container.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
    },
    20 * MINUTES,
  );

  plain("has the package's version as its own", async () => {
    expect(await Bun.file(join(REPOSITORY, "Dockerfile")).text()).toContain(`\nARG VERSION=${version}\n`);
  });
});

describe("the Dockerfile, on a base that records what runs", () => {
  /** What the build stage runs for an architecture; without --arch, for this machine's. */
  const noted = (architecture: string, arch: readonly string[], ...packages: readonly string[]) => ({
    architecture,
    pause: [
      "apt-get update",
      ["apt-get install -y --no-install-recommends musl musl-dev libstdc++6 libgcc-s1", ...packages].join(" "),
      ["bun run build", ...arch].join(" "),
      "",
    ].join("\n"),
  });
  const own = noted(HOST ?? "", []);
  const ownByName = noted(HOST ?? "", ["--arch", HOST ?? ""]);
  const others = noted(OTHER, ["--arch", OTHER], EMULATOR);

  const builds = (builder: Builder, ...words: readonly string[]) => expect(builder.build(...words)).resolves;

  for (const program of ["buildah", "podman"] as const) {
    testWith("buildah", "busybox", program)(
      `${program}: this machine's platform without QEMU, the other with it`,
      async () => {
        using workspace = await Workspace.create();
        await using builder = await containersBuilder(program, workspace);
        await builds(builder).toEqual(ownByName);
        await builds(builder, "--platform", BUILDPLATFORM).toEqual(ownByName);
        await builds(builder, "--platform", `linux/${OTHER}`, ...TOLD).toEqual(others);
      },
      2 * MINUTES,
    );
  }

  testWith(
    "buildah",
    "busybox",
    "docker",
    "dockerd",
    "runc",
  )(
    "docker's classic builder: this machine's platform; for the other it makes no image",
    async () => {
      await using builder = await dockerBuilder("classic");
      await builds(builder).toEqual(own);
      await builds(builder, "--platform", BUILDPLATFORM).toEqual(own);
      await builds(builder, "--platform", `linux/${OTHER}`).toMatchObject({
        status: 1,
        stderr: expect.stringContaining(
          `does not match the specified platform: wanted linux/${OTHER}, actual: linux/${HOST}`,
        ),
      });
    },
    2 * MINUTES,
  );

  testNeeding(program("buildah"), BUILDKIT)(
    "docker's BuildKit: this machine's platform without QEMU, the other with it",
    async () => {
      await using builder = await dockerBuilder("BuildKit");
      await builds(builder).toEqual(ownByName);
      await builds(builder, "--platform", `linux/${OTHER}`).toEqual(others);
    },
    2 * MINUTES,
  );
});
