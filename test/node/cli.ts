import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { basename, dirname, join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { requireMarks, writeMarked } from "../../harness/marks.ts";
import { command } from "../../src/support/command.ts";
import { UserError } from "../../src/support/error.ts";
import type { Scope } from "../../src/support/scope.ts";
import { PROGRAMS, type Program, REPOSITORY } from "../runtimes/images.ts";
import { debianLayers } from "./debian.ts";
import { asked, foldersOf, type Given, ofDebian } from "./given.ts";
import type { NodeResult, Plan } from "./inside.ts";
import { isolated } from "./isolate.ts";
import { differences, type NodeRun, summary, table } from "./report.ts";

const USAGE = `usage: bun run test:node [options]

Runs /pause as the sandbox of pods on the programs of a node, then a C program of the same behaviour in its
place, and prints what differs. Run it as root. It uses its own namespaces and leaves the host's
configuration alone.

  --containerd PATH or --crio PATH    the container runtime (CRI-O: with --conmon and --pinns)
  --runc PATH or --crun PATH          what it starts containers with
  --kubelet PATH                      runs the pods as static pods; without it, the CRI is called as a kubelet would
  --cni FOLDER                        the CNI plugins; without them, pods have the node's network
  --critest PATH                      the CRI's own tests
  --debian RELEASE[,RELEASE...]       takes containerd, runc and the CNI plugins from Debian's packages, downloaded and
                                      unpacked, not installed; a program given by path replaces theirs
  --write                             writes the results into docs/node-checks.md
  --help                              prints this`;

const PAGE = join(REPOSITORY, "docs/node-checks.md");
const MARK = "node";
/** The results of the last run of each kind. */
const KEPT = join(TEST_DIST, "node");
/** An hour; critest takes most of it. */
const SECONDS = 3600;

/** A node to run: its name, its programs, and the layers over the root that these need. */
type Node = { readonly name: string; readonly given: Given; readonly layers: readonly string[] };

async function main(run: Scope, words: readonly string[]): Promise<number> {
  const options = asked(words);
  if (options === "help") {
    console.log(USAGE);
    return 0;
  }
  if (process.getuid?.() !== 0) throw new UserError("the check makes namespaces and control groups; run it as root");
  if (options.write) requireMarks(PAGE, MARK);
  mkdirSync(KEPT, { recursive: true });
  let differ = 0;
  for (const node of await nodes(run, options.given, options.debian)) {
    const finished = await runNode(run, node);
    console.log(summary(finished));
    differ += differences(finished).length;
    if (!options.write) continue;
    writeFileSync(join(KEPT, `${node.name}.json`), JSON.stringify(finished));
    writeMarked(PAGE, MARK, table(kept()));
  }
  return differ === 0 ? 0 : 1;
}

/** A node for each release of Debian, with the given paths in place of its programs; or one of what is given. */
async function nodes(run: Scope, given: Given, suites: readonly string[]): Promise<readonly Node[]> {
  if (suites.length === 0) return [{ name: nameOf(given), given, layers: [] }];
  const all: Node[] = [];
  for (const suite of suites) {
    const layers = await debianLayers(run, suite);
    const programs = { ...ofDebian(layers), ...given };
    all.push({ name: `Debian ${suite}${given.kubelet === undefined ? "" : ", kubelet"}`, given: programs, layers });
  }
  return all;
}

const nameOf = ({ containerd, crio, kubelet }: Given) =>
  [containerd && basename(containerd), crio && "CRI-O", kubelet && basename(kubelet)].filter(Boolean).join(", ");

async function runNode(run: Scope, node: Node): Promise<NodeRun> {
  const [ours, theirs] = PROGRAMS;
  if (ours === undefined || theirs === undefined) throw new Error("two programs are needed to compare");
  const pause = await withProgram(run, node, ours);
  const reference = await withProgram(run, node, theirs);
  return {
    name: node.name,
    date: new Date().toISOString().slice(0, 10),
    kernel: release(),
    programs: pause.programs,
    left: (["kubelet", "critest", "cni"] as const).filter((name) => node.given[name] === undefined),
    pause,
    reference,
  };
}

/** Runs a node in its own namespaces. @throws Error with its output when it did not complete. */
async function withProgram(parent: Scope, { name, given, layers }: Node, program: Program): Promise<NodeResult> {
  await using run = parent.nested();
  const folder = run.folder("pause-node-result-");
  const [plan, result] = [join(folder, "plan.json"), join(folder, "result.json")];
  writeFileSync(plan, JSON.stringify({ given, program, result } satisfies Plan));
  console.error(`${name}: ${program.name}`);
  const inside = [process.execPath, join(import.meta.dir, "inside.ts"), plan];
  const binds = [...new Set([folder, dirname(process.execPath), ...(layers.length === 0 ? foldersOf(given) : [])])];
  const { status, stdout, stderr } = await run.spawn(isolated(run, layers, binds, inside), {
    env: { ...process.env, TMPDIR: "/tmp" },
    seconds: SECONDS,
  }).ended;
  if (status !== 0) throw new UserError(`${name}, ${program.name}: ended with ${status}:\n${stdout}${stderr}`.trim());
  return JSON.parse(readFileSync(result, "utf8")) as NodeResult;
}

/** The runs so far, in the order of the runtimes' versions. */
function kept(): readonly NodeRun[] {
  return readdirSync(KEPT)
    .filter((name) => name.endsWith(".json"))
    .map((name): NodeRun => JSON.parse(readFileSync(join(KEPT, name), "utf8")))
    .toSorted((one, other) => place(one).localeCompare(place(other), "en", { numeric: true }));
}

const place = ({ programs, name }: NodeRun) => `${programs.join(" ")} ${name}`;

await command("test:node", main);
