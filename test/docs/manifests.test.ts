import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Workspace } from "../runtimes/workspace.ts";
import { REPOSITORY, read } from "./pages.ts";

const FOLDER = "deploy/placeholders";
const FILES = [...new Bun.Glob("*.yaml").scanSync(join(REPOSITORY, FOLDER))]
  .map((name) => join(FOLDER, name))
  .toSorted();

/** The parts of a manifest that the test reads; the types of Kubernetes check the rest. */
type Container = {
  readonly image: string;
  readonly securityContext: object;
  readonly resources: { readonly limits: object };
};
type PodSpec = {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly securityContext: object;
};
type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec?: PodSpec & { readonly template?: { readonly spec: PodSpec } };
};

const manifestsOf = (file: string) => [Bun.YAML.parse(read(file))].flat() as readonly Manifest[];
const podOf = ({ kind, spec }: Manifest) => (kind === "Pod" ? spec : spec?.template?.spec);

describe.each(FILES)("%s", (file) => {
  test("is valid for the API of Kubernetes: no unknown field, none missing, none of another type", async () => {
    expect(await complaints(manifestsOf(file))).toBe("");
  });

  test("has pods that meet the restricted Pod Security Standard, with a limit for /pause", () => {
    const pods = manifestsOf(file).flatMap((manifest) => podOf(manifest) ?? []);
    expect(pods.length).toBe(1);
    for (const { securityContext, containers, initContainers = [] } of pods) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      for (const container of [...containers, ...initContainers]) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(container.resources.limits).toHaveProperty("memory");
      }
      expect(containers.map(({ image }) => image)).toEqual(["localhost/pause:0.1.0"]);
    }
  });

  test("is linked from docs/placeholders.md", () => {
    expect(read("docs/placeholders.md")).toContain(`](../${file})`);
  });
});

test("a field that the API does not have is an error", async () => {
  const [, deployment] = manifestsOf(join(FOLDER, "room.yaml"));
  const wrong = { ...deployment, spec: { ...deployment?.spec, replica: 2 } } as Manifest;
  expect(await complaints([wrong])).toContain("replica");
});

/** The compiler's complaints about manifests as values of the API's types; empty if there are none. */
async function complaints(manifests: readonly Manifest[]): Promise<string> {
  using workspace = await Workspace.create();
  const declarations = manifests.map((manifest, index) => {
    const [version = "", group = "core"] = manifest.apiVersion.split("/").toReversed();
    const module = join(REPOSITORY, "node_modules/kubernetes-types", group.replace(/\.k8s\.io$/, ""), version);
    const type = `import("${module}").${manifest.kind}`;
    return `export const manifest${index}: ${type} = ${JSON.stringify(manifest)};\n`;
  });
  const file = await workspace.write("manifests.ts", declarations.join(""));
  await workspace.write(
    "tsconfig.json",
    JSON.stringify({ compilerOptions: { strict: true, noEmit: true, types: [] } }),
  );
  const checked = Bun.spawnSync([process.execPath, "check", "--no-script", file], { cwd: workspace.dir });
  return checked.success ? "" : `${checked.stdout}${checked.stderr}`;
}
