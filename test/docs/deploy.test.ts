import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { blocksOf } from "../../harness/documented.ts";
import { linksIn, REPOSITORY, read } from "./pages.ts";

/** The files for a node: the configuration of each runtime. */
const CONFIGURATIONS = [...new Bun.Glob("{containerd,crio,k3s,podman}/*").scanSync(join(REPOSITORY, "deploy"))].map(
  (name) => `deploy/${name}`,
);

const IMAGE = "localhost/pause:0.1.0";

const SAYS: Readonly<Record<string, object>> = {
  "deploy/containerd/version-2.toml": {
    version: 2,
    plugins: { "io.containerd.grpc.v1.cri": { sandbox_image: IMAGE } },
  },
  "deploy/containerd/version-3.toml": {
    version: 3,
    plugins: { "io.containerd.cri.v1.images": { pinned_images: { sandbox: IMAGE } } },
  },
  "deploy/crio/10-pause.conf": { crio: { image: { pause_image: IMAGE, pause_command: "/pause" } } },
  "deploy/k3s/10-pause.yaml": { "pause-image": IMAGE },
  "deploy/podman/10-pause.conf": { engine: { infra_image: IMAGE } },
};

describe.each(CONFIGURATIONS)("%s", (file) => {
  test("is shown whole in docs/node.md, which links to it", () => {
    expect(linksIn(read("docs/node.md"))).toContain(`../${file}`);
    expect(blocksOf(read("docs/node.md")).map(({ text }) => `${text}\n`)).toContain(read(file));
  });

  test("names the image where the runtime looks for it, and sets nothing else", () => {
    expect(file.endsWith(".yaml") ? Bun.YAML.parse(read(file)) : Bun.TOML.parse(read(file))).toEqual(SAYS[file]);
  });
});
