import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { TEST_DIST } from "../../support/compile.ts";
import { REPOSITORY } from "../images.ts";
import { run, start } from "../tools.ts";
import { readJunit } from "./results.ts";
import { debianRoot, inRoot } from "./root.ts";
import { PACKAGES, type Run, table } from "./table.ts";

const USAGE = `usage: bun run test:debian [RELEASE...]

Runs the tests of test/runtimes with this machine's runtimes, and with those of other releases of Debian
(by default trixie and sid), each in a root of its own below dist/test/debian, which is made the first
time. Writes what came out into docs/runtimes.md. As root, with mmdebstrap; some ten minutes each.`;

const PAGE = join(REPOSITORY, "docs/runtimes.md");
const MARKS = ["<!-- debian:begin -->", "<!-- debian:end -->"] as const;
const TESTS = ["by-hand", "seccomp", "hardened", "gvisor", "containerd", "cri", "docker", "podman", "rooted"].map((name) => `./test/runtimes/${name}.test.ts`);

async function main(releases: readonly string[]): Promise<void> {
  around();
  const runs = [await runTests("this machine", undefined)];
  for (const name of releases) runs.push(await runTests(name, await debianRoot(name)));
  const [before, after] = around();
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(PAGE, `${before}${MARKS[0]}\n${table(runs, date, release())}\n${MARKS[1]}${after}`);
}

/** The page without what is between the marks. @throws Error when they are not there. */
function around(): [string, string] {
  const page = readFileSync(PAGE, "utf8");
  const [begin, end] = MARKS.map((mark) => page.indexOf(mark));
  if (begin === undefined || end === undefined || begin < 0 || end < begin) throw new Error(`${PAGE} has no ${MARKS.join(" and ")}`);
  return [page.slice(0, begin), page.slice(end + MARKS[1].length)];
}

async function runTests(title: string, root: string | undefined): Promise<Run> {
  const command = (...words: readonly string[]) => (root === undefined ? words : inRoot(root, REPOSITORY, words));
  const report = join("dist/test/debian", `${title.replaceAll(" ", "-")}.xml`);
  mkdirSync(join(TEST_DIST, "debian"), { recursive: true });
  console.log(`${title}: ${TESTS.length} files of tests`);
  // What a release does not have is skipped, also where this runs under CI.
  const bun = root === undefined ? process.execPath : "bun";
  const tests = await start(command("env", "CI=", "TMPDIR=/tmp", "HOME=/root", bun, "test", ...TESTS, "--reporter=junit", `--reporter-outfile=${report}`)).ended;
  console.log(tests.stderr.split("\n").slice(-6).join("\n").trim());
  const versions = (await start(command("dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", ...PACKAGES)).ended).stdout;
  const named = await run(command("sh", "-c", '. /etc/os-release; echo "$PRETTY_NAME"'));
  return {
    debian: `${named.replace("GNU/Linux ", "")}`,
    versions: new Map(versions.split("\n").flatMap((line) => (/^\S+ \S+$/.test(line) ? [split(line)] : []))),
    results: readJunit(readFileSync(join(REPOSITORY, report), "utf8")),
  };
}

/** Package and upstream version: without Debian's epoch and revision. */
function split(line: string): [string, string] {
  const [name = "", version = ""] = line.split(" ");
  return [name, version.replace(/^\d+:/, "").replace(/[+~-](ds|dfsg).*$|-[^-]*$/, "")];
}

const releases = process.argv.slice(2);
if (releases.some((word) => word.startsWith("-"))) console.log(USAGE);
else await main(releases.length > 0 ? releases : ["trixie", "sid"]);
