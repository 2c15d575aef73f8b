import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { command } from "../../src/support/command.ts";
import { UserError } from "../../src/support/error.ts";
import { IMAGE, pauseImage, SHIPPED } from "./images.ts";
import { Podman } from "./podman.ts";
import { run, start } from "./tools.ts";
import type { Workspace } from "./workspace.ts";

const USAGE = `usage: bun run test:podman-suite CHECKOUT

Runs the system tests for pods of Podman's own source, in CHECKOUT, with this machine's podman: once with
its own infra image and once with /pause, and prints what differs. CHECKOUT should be the source of the podman
that is installed (git checkout v$(podman version --format '{{.Client.Version}}')). Run it as root; it needs podman,
buildah, bats, jq, socat and busybox-static. An image of busybox replaces the suite's image.`;

const FILES = ["200-pod.bats", "700-play.bats"];

/** The result of each test, by title: ok, not ok, or skipped, with the reason. */
type Outcomes = ReadonlyMap<string, string>;

async function main(checkout: string): Promise<number> {
  const suite = join(checkout, "test/system");
  const missing = ["podman", "bats", "jq", "socat", "busybox"].filter((tool) => Bun.which(tool) === null);
  if (missing.length > 0)
    throw new UserError(
      `${missing.join(", ")} not on PATH; on Debian: apt-get install podman bats jq socat busybox-static`,
    );
  if (!existsSync(join(suite, "200-pod.bats")))
    throw new UserError(`no ${join(suite, "200-pod.bats")}; CHECKOUT must be a checkout of Podman's source`);

  const own = await outcomes(suite, undefined);
  const ours = await outcomes(suite, IMAGE);
  const differing = [...new Set([...own.keys(), ...ours.keys()])].filter((test) => own.get(test) !== ours.get(test));
  for (const test of differing)
    console.log(`differs: ${test}\n  with podman's own: ${own.get(test)}\n  with /pause:       ${ours.get(test)}`);
  const count = (of: Outcomes, outcome: string) => [...of.values()].filter((each) => each.startsWith(outcome)).length;
  for (const [name, of] of [
    ["podman's own infra image", own],
    ["/pause", ours],
  ] as const) {
    console.log(`${name}: ${count(of, "ok")} ok, ${count(of, "not ok")} not ok, ${count(of, "skipped")} skipped`);
  }
  const alike = [...own]
    .filter(([test, outcome]) => outcome === "not ok" && ours.get(test) === "not ok")
    .map(([test]) => test);
  if (alike.length > 0)
    console.log(`not ok with both, so the cause is this machine:\n${alike.map((test) => `  ${test}`).join("\n")}`);
  console.log(differing.length === 0 ? "nothing differs" : `${differing.length} differ`);
  return differing.length === 0 ? 0 : 1;
}

/** Runs the suite with this infra image, or with podman's own. */
async function outcomes(suite: string, infraImage: string | undefined): Promise<Outcomes> {
  await using podman = await Podman.create();
  const { workspace } = podman;
  if (infraImage === undefined) await withoutInfraImage(workspace);
  else await podman.load(await pauseImage(workspace, SHIPPED));
  await standIn(podman, suite);
  const env = { ...workspace.env, TMPDIR: workspace.folder("suite"), CI: "" };
  const { stdout, stderr } = await start(["bats", "--tap", ...FILES.map((file) => join(suite, file))], env).ended;
  const lines = [...stdout.matchAll(/^(ok|not ok) \d+ (.*?)(?: # skip ?(.*))?$/gm)];
  if (lines.length === 0) throw new UserError(`bats ran no test: ${stdout}${stderr}`);
  return new Map(
    lines.map(([, outcome = "", test = "", skipped]) => [
      test,
      skipped === undefined ? outcome : `skipped: ${skipped}`,
    ]),
  );
}

async function withoutInfraImage(workspace: Workspace): Promise<void> {
  const text = await Bun.file(workspace.path("containers.conf")).text();
  await workspace.write(
    "containers.conf",
    text
      .split("\n")
      .filter((line) => !line.startsWith("infra_image"))
      .join("\n"),
  );
}

/** The image that the suite names, as far as its tests for pods need it: busybox's shell and tools, and two files. */
async function standIn(podman: Podman, suite: string): Promise<void> {
  const name = await run(["bash", "-c", 'source "$0/helpers.bash"; echo "$IMAGE"', suite]);
  const root = podman.workspace.folder("stand-in");
  const file = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
  };
  file("home/podman/testimage-id", `${name.split(":").at(-1)}\n`);
  file(
    "home/podman/pause",
    "#!/bin/sh\necho Confirmed: testimage pause invoked as $0\nwhile :; do sleep 0.1; done\n",
    0o755,
  );
  file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n");
  file("etc/group", "root:x:0:\nnobody:x:65534:\n");
  for (const folder of ["bin", "tmp", "root", "var/www"]) mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "busybox", join(root, "bin/busybox"));
  for (const applet of (await run(["busybox", "--list"])).split("\n"))
    if (applet !== "busybox") symlinkSync("busybox", join(root, "bin", applet));
  const tar = podman.workspace.path("stand-in.tar");
  await run(["tar", "--create", "--directory", root, "--file", tar, "."]);
  const changes = [
    "WORKDIR /home/podman",
    "ENV PATH=/bin",
    'CMD ["/bin/echo", "This container is intended for podman CI testing"]',
  ];
  await podman.run("import", "--quiet", ...changes.flatMap((change) => ["--change", change]), tar, name);
}

await command(
  "podman-suite",
  async (_run, [checkout, ...others]) => {
    if (checkout !== undefined && !checkout.startsWith("-") && others.length === 0) return main(checkout);
    console.log(USAGE);
    return 0;
  },
  () => 2,
);
