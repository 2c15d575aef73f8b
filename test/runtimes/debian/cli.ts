import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { TEST_DIST } from "../../../harness/compile.ts";
import { requireMarks, writeMarked } from "../../../harness/marks.ts";
import { command } from "../../../src/support/command.ts";
import { REPOSITORY } from "../images.ts";
import { run, start } from "../tools.ts";
import { readJunit } from "./results.ts";
import { debianRoot, inRoot } from "./root.ts";
import { PACKAGES, type Run, table } from "./table.ts";

const USAGE = `usage: bun run test:debian [RELEASE...]

Runs the tests of test/runtimes with the runtimes of other releases of Debian, each in a root of its own
below dist/test/debian that the first run makes, and with this machine's, whose name is "here" (default:
trixie, sid and here). Writes the results, with those of earlier runs, into docs/runtimes.md. Run it as root,
with mmdebstrap. Each release takes about ten minutes.`;

const HERE = "here";
const PAGE = join(REPOSITORY, "docs/runtimes.md");
/** The results of the last run with each release. */
const KEPT = join(TEST_DIST, "debian", "results");
const MARK = "debian";
const TESTS = ["by-hand", "seccomp", "hardened", "gvisor", "containerd", "cri", "docker", "podman", "rooted"].map(
  (name) => `./test/runtimes/${name}.test.ts`,
);

async function main(releases: readonly string[]): Promise<void> {
  requireMarks(PAGE, MARK);
  mkdirSync(KEPT, { recursive: true });
  for (const name of releases) {
    const finished = await runTests(name, name === HERE ? undefined : await debianRoot(name));
    await Bun.write(join(KEPT, `${name}.json`), JSON.stringify(finished));
    writeMarked(PAGE, MARK, table(kept()));
  }
}

/** The runs so far, in the order of Debian's versions. */
function kept(): readonly Run[] {
  const runs = readdirSync(KEPT)
    .filter((name) => name.endsWith(".json"))
    .map((name): Run => JSON.parse(readFileSync(join(KEPT, name), "utf8")));
  return runs.toSorted((one, other) => one.debian.localeCompare(other.debian, "en", { numeric: true }));
}

async function runTests(name: string, root: string | undefined): Promise<Run> {
  const command = (...words: readonly string[]) => (root === undefined ? words : inRoot(root, REPOSITORY, words));
  const report = join("dist/test/debian", `${name}.xml`);
  console.log(`${name}: ${TESTS.length} files of tests`);
  // Skip what a release lacks, even when this runs under CI.
  const bun = root === undefined ? process.execPath : "bun";
  const tests = await start(
    command(
      "env",
      "CI=",
      "TMPDIR=/tmp",
      "HOME=/root",
      bun,
      "test",
      ...TESTS,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
    ),
  ).ended;
  console.log(tests.stderr.split("\n").slice(-6).join("\n").trim());
  const packages =
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills it in
    (await start(command("dpkg-query", "--show", "--showformat=${Package} ${Version}\n", ...PACKAGES)).ended).stdout;
  return {
    debian: (await run(command("sh", "-c", '. /etc/os-release; echo "$PRETTY_NAME"'))).replace("GNU/Linux ", ""),
    date: new Date().toISOString().slice(0, 10),
    kernel: release(),
    versions: Object.fromEntries(packages.split("\n").flatMap((line) => (/^\S+ \S+$/.test(line) ? [split(line)] : []))),
    results: readJunit(readFileSync(join(REPOSITORY, report), "utf8")),
  };
}

/** Package and upstream version: without Debian's epoch and revision. */
function split(line: string): [string, string] {
  const [name = "", version = ""] = line.split(" ");
  return [name, version.replace(/^\d+:/, "").replace(/[+~-](ds|dfsg).*$|-[^-]*$/, "")];
}

await command("test:debian", async (_run, words) => {
  if (words.some((word) => word.startsWith("-"))) console.log(USAGE);
  else await main(words.length > 0 ? words : ["trixie", "sid", HERE]);
});
