import { describe, expect, test as plain } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import { BASE_STORAGE, baseImage } from "./base-image.ts";
import { REPOSITORY } from "./images.ts";
import { readImage } from "./oci.ts";
import { OciRuntime, RUNC } from "./oci-runtime.ts";
import { GOODBYE, parked } from "./pod.ts";
import { run, testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

const NAME = "localhost/pause:from-source";
const MINUTES = 60_000;

describe("the Dockerfile", () => {
  testWith("buildah", "mmdebstrap", "runc")(
    "is built by buildah as it is, base image apart: one file, a layer below 200 kB, labels, and it runs",
    async () => {
      mkdirSync(BASE_STORAGE, { recursive: true });
      using workspace = await Workspace.create(BASE_STORAGE);
      await using runc = new OciRuntime(RUNC, workspace);
      const args = { BUN_IMAGE: await baseImage(workspace), REVISION: "0123456789abcdef0123456789abcdef01234567" };
      const buildArgs = Object.entries(args).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
      await run(["buildah", "build", "--quiet", ...buildArgs, "--tag", NAME, REPOSITORY], workspace.env);
      const archive = workspace.path("pause.oci.tar");
      await run(["buildah", "push", "--quiet", NAME, `oci-archive:${archive}:${NAME}`], workspace.env);

      const { config, layers } = await readImage(archive);
      expect(config).toMatchObject({ user: "65535:65535", entrypoint: ["/pause"] });
      expect(config.labels).toMatchObject({
        "org.opencontainers.image.title": "pause",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.revision": args.REVISION,
      });
      expect(layers.length).toBe(1);
      const [layer] = layers;
      expect([...((await layer?.tar.files())?.keys() ?? [])]).toEqual(["pause"]);
      expect(layer?.compressed).toBeLessThan(200_000);

      const container = await runc.start("pause", archive);
      await parked(container.pid);
      await runc.kill("pause", "TERM");
      expect(await container.ended).toEqual({ status: 0, stdout: "", stderr: GOODBYE });
    },
    10 * MINUTES,
  );

  plain("has the package's version as its own", async () => {
    expect(await Bun.file(join(REPOSITORY, "Dockerfile")).text()).toContain(`\nARG VERSION=${version}\n`);
  });
});
