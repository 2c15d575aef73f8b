import { describe, expect, test as plain } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import { readImage } from "../../src/image/oci.ts";
import { BASE_STORAGE, baseImage } from "./base-image.ts";
import { pauseImage, REPOSITORY, SHIPPED } from "./images.ts";
import { GOODBYE, parked } from "./pod.ts";
import { Runc } from "./runc.ts";
import { start, testWith } from "./tools.ts";
import { Workspace } from "./workspace.ts";

const IMAGE_COMMAND = [process.execPath, join(REPOSITORY, "src/image/cli.ts")];
const MINUTES = 60_000;

describe("bun run image", () => {
  testWith("buildah", "mmdebstrap", "runc")(
    "builds the Dockerfile as it is, base image apart: one file, a layer below 200 kB, labels, and it runs",
    async () => {
      mkdirSync(BASE_STORAGE, { recursive: true });
      using workspace = await Workspace.create(BASE_STORAGE);
      await using runc = new Runc(workspace);
      const base = await baseImage(workspace);
      const { status, stdout, stderr } = await start([...IMAGE_COMMAND, "--base-image", base], workspace.env).ended;
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(/^dist\/pause\.oci\.tar: localhost\/pause:\S+, built with buildah; one file, \/pause, [\d,]+ bytes; its layer is [\d,]+ bytes compressed$/m);

      const archive = join(REPOSITORY, "dist/pause.oci.tar");
      const { config, layers } = await readImage(archive);
      expect(config).toMatchObject({ user: "65535:65535", entrypoint: ["/pause"] });
      expect(config.labels).toMatchObject({
        "org.opencontainers.image.title": "pause",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.revision": expect.stringMatching(/^[0-9a-f]{40}$/),
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

  testWith("buildah")("two images around the same file are the same bytes", async () => {
    const digests = [0, 1].map(async () => {
      using workspace = await Workspace.create();
      return (await readImage(await pauseImage(workspace, SHIPPED))).digest;
    });
    const [first, second] = await Promise.all(digests);
    expect(first).toBe(second ?? "");
  });

  plain("the Dockerfile's own version is the package's", async () => {
    expect(await Bun.file(join(REPOSITORY, "Dockerfile")).text()).toContain(`\nARG VERSION=${version}\n`);
  });

  plain("without a tool that builds images it says so in one line and leaves no archive", async () => {
    const { status, stdout, stderr } = await start(IMAGE_COMMAND, { PATH: "/nonexistent" }).ended;
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: "",
      stderr: "image: no buildah, podman or running docker on this machine; on Debian: apt-get install buildah\n",
    });
  });

  plain("an option it does not know is named in one line", async () => {
    const { status, stderr } = await start([...IMAGE_COMMAND, "--bse-image", "x"]).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/^image: Unknown option '--bse-image'[^\n]*see bun run image --help\n$/);
  });
});
