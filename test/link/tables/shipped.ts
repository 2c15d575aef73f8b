import { cpSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { libraryFolder } from "../../../harness/artifacts.ts";
import { type Run, rootFor, runAlone, succeed } from "../others.ts";
import { columns, cost, forget, inTurn, megabytes, spread, table } from "./measure.ts";
import { runUnlinked } from "./programs.ts";
import { linkWith, outcome, type Suite } from "./suites.ts";

/** A command line that ships as an executable of Bun: its package of shipped/, its file there, and what it is asked. */
const SHIPPED = [
  {
    name: "opencode-linux-x64-musl",
    file: "bin/opencode",
    asked: [
      ["--version"],
      ["--help"],
      ["models"],
      ["agent", "list"],
      ["debug", "skill"],
      ["db", "select count(*) as tables from sqlite_master where type = 'table'"],
    ],
  },
  {
    name: "oh-my-opencode-linux-x64-musl",
    file: "bin/oh-my-opencode",
    asked: [["--version"], ["--help"], ["get-local-version"]],
  },
] as const;
const RUNS = 5;
/** The same path outside of the root and in it. */
const HOME = "/tmp/home-of-shipped";

/** Executables of Bun that others ship, linked as they are. */
export async function shippedTable(suites: readonly Suite[], folder: string): Promise<string> {
  const packages = join(folder, "shipped");
  mkdirSync(packages, { recursive: true });
  cpSync(join(import.meta.dir, "..", "shipped"), packages, { recursive: true });
  succeed([process.execPath, "install", "--frozen-lockfile"], packages);
  const rows: string[][] = [];
  for (const { name, file, asked } of SHIPPED) {
    console.log(name);
    const { version } = await Bun.file(join(packages, "node_modules", name, "package.json")).json();
    const unlinked = join(packages, "node_modules", name, file);
    const expected = asked.map((args) => atHome("/", () => runUnlinked(unlinked, args, "", { HOME })));
    const outputs = suites.map((suite) => join(folder, suite.name));
    const same = suites.map((suite, index) => {
      const output = outputs[index] ?? "";
      const refused = linkWith(unlinked, output, suite);
      if (refused !== undefined) return refused;
      const root = rootFor("tables", output, ["null", "urandom"]);
      const differing = asked.filter(
        (args, at) => outcome(atHome(root, () => runAlone(root, args, "", { HOME }))) !== outcome(expected[at] as Run),
      );
      return differing.length === 0 ? "same" : `differs: ${differing.map((args) => args.join(" ")).join(", ")}`;
    });
    const [linked = ""] = outputs;
    for (const each of [unlinked, linked]) forget(each);
    const ofUnlinked = () =>
      cost({ command: [unlinked, "--version"], env: { HOME, LD_LIBRARY_PATH: libraryFolder() } });
    const ofLinked = () => cost({ command: [linked, "--version"], env: { HOME } });
    ofUnlinked();
    ofLinked();
    const costs = await inTurn(RUNS, ofUnlinked, ofLinked);
    const sizes = [unlinked, linked].map((each) => statSync(each).size.toLocaleString("en-US"));
    succeed(["rm", "-rf", HOME, ...outputs], "/");
    rows.push([
      `${name} ${version}`,
      asked.map((args) => `\`${args.join(" ")}\``).join(", "),
      ...same,
      ...sizes,
      ...columns(costs, (runs) =>
        spread(
          runs.map(({ time }) => time),
          "ms",
          0,
        ),
      ),
      ...columns(costs, (runs) => megabytes(runs.map(({ memory }) => memory))),
    ]);
  }
  const costs = ["size", "time", "memory"].flatMap((each) => [`${each} unlinked`, `${each} linked`]);
  return table(["package", "asked", ...suites.map(({ name }) => name), ...costs], rows);
}

/** Runs with an empty home below `root`. */
function atHome(root: string, act: () => Run): Run {
  rmSync(join(root, HOME), { recursive: true, force: true });
  mkdirSync(join(root, HOME), { recursive: true });
  return act();
}
