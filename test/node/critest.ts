import { readFileSync, writeFileSync } from "node:fs";
import type { Scope } from "../../src/support/scope.ts";
import { readJunit } from "../runtimes/debian/results.ts";
import { BUSYBOX } from "../runtimes/images.ts";
import type { Runtime } from "./runtime.ts";

/** How many of the CRI's own tests passed, and the names of those that did not. */
export type CritestOutcome = { readonly passed: number; readonly failed: readonly string[] };

/** These want images that only a registry has: to pull them, to serve with them, to be built for a purpose. */
const WANT_IMAGES =
  "pull|PullImage|image.*(list|status|remove)|portforward|port-forward|port mapping|DNS|apparmor|selinux|webserver|nginx|hostnet|streaming|benchmark|user ?namespace|SupplementalGroups|Username|CDI|OOM|memory limit|stop signal";
const IMAGES = "/tmp/critest-images.yaml";
const REPORT = "/tmp/critest.xml";
const SECONDS = 1800;

/** Runs the CRI's own tests, as far as one image with a shell goes. */
export async function runCritest(scope: Scope, program: string, runtime: Runtime): Promise<CritestOutcome> {
  const images = ["defaultTestContainerImage", "webServerTestImage"].map((name) => `${name}: ${BUSYBOX}\n`);
  writeFileSync(IMAGES, images.join(""));
  const { stdout, stderr } = await scope.spawn(
    [
      ...[program, "--runtime-endpoint", `unix://${runtime.socket}`, "--test-images-file", IMAGES],
      ...["--ginkgo.skip", `(?i)${WANT_IMAGES}`, "--ginkgo.no-color", "--ginkgo.junit-report", REPORT],
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

function readReport(said: string) {
  try {
    return readJunit(readFileSync(REPORT, "utf8"));
  } catch {
    throw new Error(`critest wrote no report:\n${said.trim().split("\n").slice(-8).join("\n")}`);
  }
}
