import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostArchitecture } from "../../src/arch/architectures.ts";
import { sha256 } from "../../src/support/hash.ts";
import type { Scope } from "../../src/support/scope.ts";
import { readJunit } from "../runtimes/debian/results.ts";
import { run } from "../runtimes/tools.ts";
import type { Runtime } from "./runtime.ts";

/** How many of the CRI's own tests passed, and the names of the others. */
export type CritestOutcome = { readonly passed: number; readonly failed: readonly string[] };

/** These need images from a registry: to pull and list them, to serve from, made for a purpose. */
const WANT_IMAGES = [
  ...["public image", "image status", "list of images", "listImage", "pull", "remove image", "digest", "tag"],
  ...[
    "Image Consistency",
    "Image Identifier",
    "ImageVolume",
    "Multiple Containers",
    "(Container|Pod|Host)PID",
    "HostIpc",
  ],
  ...["port ?forward", "portforward", "port mapping", "host ?net", "nginx", "web ?server", "DNS", "streaming"],
  ...[
    "apparmor",
    "selinux",
    "NoNewPrivs",
    "SupplementalGroups",
    "username",
    "RunAsUserName",
    "CDI",
    "OOM",
    "CHECKPOINT",
  ],
];
const IMAGES = "/tmp/critest-images.yaml";
const REPORT = "/tmp/critest.xml";
const SECONDS = 1800;
/** The image with a shell and its tools, each program under its name. */
const SHELL = "localhost/shell:test";

/** Runs those of the CRI's own tests that work with a single image with a shell. */
export async function runCritest(scope: Scope, program: string, runtime: Runtime): Promise<CritestOutcome> {
  await runtime.load(await shellImage(scope.folder("critest-")), SHELL);
  const images = ["defaultTestContainerImage", "webServerTestImage"].map((name) => `${name}: ${SHELL}\n`);
  writeFileSync(IMAGES, images.join(""));
  const { stdout, stderr } = await scope.spawn(
    [
      ...[program, "--runtime-endpoint", `unix://${runtime.socket}`, "--test-images-file", IMAGES],
      ...["--ginkgo.skip", `(?i)${WANT_IMAGES.join("|")}`, "--ginkgo.no-color", "--ginkgo.junit-report", REPORT],
    ],
    { seconds: SECONDS },
  ).ended;
  const results = readReport(`${stdout}${stderr}`);
  return {
    passed: results.filter(({ outcome }) => outcome === "passed").length,
    failed: results
      .filter(({ outcome }) => outcome === "failed")
      .map(({ name }) => name)
      .toSorted(),
  };
}

/** busybox under the name of each of its programs, as an archive in the form of `docker save`. Returns its path. */
async function shellImage(folder: string): Promise<string> {
  const root = join(folder, "root");
  for (const name of ["bin", "tmp", "etc"]) mkdirSync(join(root, name), { recursive: true });
  const busybox = Bun.which("busybox") ?? "busybox";
  copyFileSync(busybox, join(root, "bin/busybox"));
  for (const name of (await run([busybox, "--list"])).split("\n"))
    if (name !== "busybox") symlinkSync("busybox", join(root, "bin", name));
  await run(["tar", "--create", "--file", join(folder, "layer.tar"), "--directory", root, "."]);
  const layer = sha256(readFileSync(join(folder, "layer.tar")));
  const config = {
    ...{ architecture: hostArchitecture().debian, os: "linux", config: { Env: ["PATH=/bin"] } },
    rootfs: { type: "layers", diff_ids: [`sha256:${layer}`] },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: [SHELL], Layers: ["layer.tar"] }];
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  const archive = join(folder, "shell.docker.tar");
  const files = ["manifest.json", "config.json", "layer.tar"];
  await run(["tar", "--create", "--file", archive, "--directory", folder, ...files]);
  return archive;
}

function readReport(said: string) {
  try {
    return readJunit(readFileSync(REPORT, "utf8"));
  } catch {
    throw new Error(`critest wrote no report:\n${said.trim().split("\n").slice(-8).join("\n")}`);
  }
}
