import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { command } from "../src/support/command.ts";
import { UserError } from "../src/support/error.ts";
import type { Scope } from "../src/support/scope.ts";
import { compare } from "./compare.ts";
import { MEASUREMENTS } from "./measure/all.ts";
import { sum } from "./measure/measurement.ts";
import { peers } from "./peers.ts";
import { FULL, QUICK } from "./plan.ts";
import { Progress } from "./progress.ts";
import { report } from "./report.ts";
import { describeRun, type Results, readResults } from "./results.ts";
import { prices } from "./rig.ts";
import type { Samples } from "./samples.ts";

const ROOT = join(import.meta.dir, "..");
const NAMES = MEASUREMENTS.map(({ name }) => name).join(", ");

const HELP = `Measures pause against the programs a user would choose instead, and writes a report.

Usage: bun run bench [options]        (as root: it makes namespaces and control groups)

Options:
  --quick           few samples and short windows, below a minute; writes to dist/bench/quick
  --only NAME       one of ${NAMES}; writes to dist/bench/NAME
  --peers A,B       these and the reference; writes to dist/bench/peers
  --compare OLD     no measurement: print what moved from OLD to the results in bench/ (or those of --quick)
  --help            print this

A full run takes about eleven minutes and writes bench/results.json, bench/REPORT.md and its pictures.
`;

async function main(run: Scope, args: readonly string[]): Promise<void> {
  const { values } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const folder = folderFor(values);
  if (values.compare !== undefined) {
    console.log(compare(readResults(values.compare), readResults(join(folder, "results.json"))).join("\n"));
    return;
  }
  const results = await measure(run, values);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(report(results))) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, "results.json"), `${serialize(results)}\n`);
  console.log(`${join(folder, "REPORT.md")}: written after ${Math.round(results.seconds)} s`);
}

type Values = ReturnType<typeof parse>["values"];

async function measure(run: Scope, { quick, only, peers: wanted }: Values): Promise<Results> {
  if (process.getuid?.() !== 0)
    throw new UserError("the benchmark makes PID namespaces and control groups; run it as root");
  const measurements = MEASUREMENTS.filter(({ name }) => only === undefined || name === only);
  if (measurements.length === 0)
    throw new UserError(`unknown measurement ${JSON.stringify(only)}; name one of ${NAMES}`);
  const plan = quick ? QUICK : FULL;
  const { present, missing } = await peers(wanted?.split(","));
  if (missing.length > 0) console.error(`not measured, because this machine does not have them: ${missing.join(", ")}`);
  const described = describeRun(quick, present, missing, await prices());

  const samples: Samples = {};
  const started = performance.now();
  const progress = new Progress(sum(measurements.map(({ seconds }) => seconds(plan, present))));
  const done = (seconds: number) => {
    run.signal.throwIfAborted();
    progress.step(seconds);
  };
  for (const { name, run } of measurements) {
    progress.part(name);
    await run({ plan, peers: present, samples, done });
  }
  progress.clear();
  return { ...described, seconds: (performance.now() - started) / 1000, samples };
}

/** Only a full run of everything goes into the folder of the committed report. */
function folderFor({ quick, only, peers: wanted }: Values): string {
  const part = only ?? (wanted === undefined ? undefined : "peers");
  if (part !== undefined) return join(ROOT, "dist", "bench", part);
  return quick ? join(ROOT, "dist", "bench", "quick") : join(ROOT, "bench");
}

/** Prints each peer's samples of each metric on one line, so that two runs can be compared line by line. */
function serialize(results: Results): string {
  return JSON.stringify(results, null, 1).replace(
    /\[\n\s+([-\d.,\s]+?)\n\s+\]/g,
    (_, list: string) => `[${list.replace(/\s+/g, " ")}]`,
  );
}

function parse(args: readonly string[]) {
  const options = {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    peers: { type: "string" },
    compare: { type: "string" },
    help: { type: "boolean", default: false },
  } as const;
  try {
    return parseArgs({ args: [...args], options });
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error}; see bun run bench --help`);
  }
}

// After a signal, a measurement ends in its own order and removes its control groups.
await command("bench", main);
