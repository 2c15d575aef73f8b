#!/usr/bin/env bun
import { closeSync, openSync, readSync } from "node:fs";
import { basename, extname } from "node:path";
import { version } from "../../package.json";
import type { Finding } from "../addons/api.ts";
import type { Architecture } from "../arch/architecture.ts";
import { ARCHITECTURES, HOST } from "../arch/architectures.ts";
import { looksExecutable } from "../elf/file.ts";
import { command } from "../support/command.ts";
import type { Scope } from "../support/scope.ts";
import { type Arguments, HELP, parseArguments } from "./arguments.ts";
import { bundlerHelp, compiled } from "./bundle.ts";
import { check } from "./check.ts";
import { isSameFile, reason } from "./file.ts";
import { LinkError, link, type StaticExecutable } from "./index.ts";
import { needsOf } from "./runtime-version.ts";

/** Reads the command line and does what it says. */
async function main(run: Scope, words: readonly string[]): Promise<void> {
  const args = parseArguments(words, bundlerHelp);
  if (args === "help") process.stdout.write(HELP);
  else if (args === "version") console.log(`bun-static ${version} (Bun ${Bun.version})`);
  else if (args.inputs.some(isExecutable)) await linkExecutable(run, args);
  else await compileAndLink(run, args);
}

async function linkExecutable(run: Scope, args: Arguments): Promise<void> {
  const [input = "", another] = args.inputs;
  if (another !== undefined)
    throw new LinkError(`${args.inputs.join(", ")}: give one executable at a time; -o names the output`);
  const compileOption = args.bundler[0]?.[0] ?? (args.target === undefined ? undefined : "--target");
  if (compileOption !== undefined)
    throw new LinkError(
      `${compileOption} is for compiling, and ${input} is already compiled; give its source, or leave the option out`,
    );
  const { unanswered } = await linkTo(run, args, input, args.outfile ?? `${input}-static`);
  if (unanswered)
    console.error(
      "bun-static: note: loaders of native addons in it ask for the system's C library, and find none: if an addon " +
        "does not load, give bun-static the source, or compile with the plugin bun-static/addons",
    );
}

async function compileAndLink(run: Scope, args: Arguments): Promise<void> {
  const [entry = ""] = args.inputs;
  const nameless = args.inputs.find((input) => extname(input) === "");
  if (nameless !== undefined)
    throw new LinkError(
      `${nameless}: neither an executable (it is not an ELF file) nor a source file, which has an extension ` +
        "like .ts or .js",
    );
  const outfile = args.outfile ?? basename(entry, extname(entry));
  if (args.inputs.some((input) => isSameFile(input, outfile)))
    throw new LinkError(`${outfile} is the source itself; name another output with -o`);
  const architecture = architectureFor(args.target);
  const target = args.target ?? architecture.bunTarget;
  progress(`compiling ${entry} ...`);
  const { inputs: entries, bundler: options, answers } = args;
  await compiled(run, { entries, outfile, architecture, target, options, answers }, (path, findings) =>
    linkTo(run, args, path, outfile, findings),
  );
}

async function linkTo(
  run: Scope,
  args: Arguments,
  input: string,
  outfile: string,
  findings: readonly Finding[] = [],
): Promise<StaticExecutable> {
  progress(`linking ${basename(input)} ...`);
  const executable = link(input, args);
  progress(`writing ${outfile} ...`);
  await executable.write(outfile);
  progress("");
  report(outfile, executable);
  reportFindings(findings);
  if (args.check) console.log(`${outfile}: ${await check(run, outfile, executable)}`);
  return executable;
}

/** Prints one line of result; anything else worth knowing goes to stderr. */
function report(outfile: string, { size, bun, bundled, target, libraries, addons }: StaticExecutable): void {
  const what = bundled ? "" : ", no program in it: the command bun itself";
  console.log(
    `${outfile}: ${size.toLocaleString("en-US")} bytes, ${target.replace("bun-", "")}, ` +
      `Bun ${bun ?? "of unknown version"}${what}; with ${libraries.join(", ")}`,
  );
  const needs = bun === undefined ? undefined : needsOf(bun);
  if (needs !== undefined) console.error(`bun-static: note: Bun ${bun}: ${needs}`);
  for (const { name, problem, risk } of addons) {
    if (problem !== undefined) console.error(`bun-static: warning: ${name} will not load: ${problem}`);
    if (risk !== undefined) console.error(`bun-static: warning: ${name} loads, and ${risk}`);
  }
}

/** Reports on one line whose loaders were answered, then each loader without an answer and what to do. */
function reportFindings(findings: readonly Finding[]): void {
  const answered = findings.filter(({ problem }) => problem === undefined).map(({ name }) => name);
  if (answered.length > 0)
    console.error(`bun-static: note: these were told that they run on musl: ${answered.join(", ")}`);
  for (const { name, version, problem } of findings)
    if (problem !== undefined) console.error(`bun-static: warning: ${name} ${version} ${problem}`);
}

/** Is it an executable, of any system? @throws LinkError when it cannot be read. */
function isExecutable(path: string): boolean {
  try {
    const file = openSync(path, "r");
    try {
      const magic = Buffer.alloc(4);
      return readSync(file, magic, 0, 4, 0) === 4 && looksExecutable(magic);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw new LinkError(
      `${path}: cannot be read (${reason(error)}); give a source file, or an executable that bun build --compile wrote`,
    );
  }
}

/**
 * The architecture of a target. Bun takes the words of a target in any order: bun-linux-x64-musl,
 * bun-linux-x64-baseline-musl, bun-linux-x64-musl-v1.4.0.
 * @throws LinkError when it is not for musl, or when there is none and this machine's architecture is unsupported.
 */
function architectureFor(target: string | undefined): Architecture {
  if (target === undefined) {
    if (HOST !== undefined) return HOST;
    throw new LinkError(
      `this machine is ${process.arch}, and this command cannot link for it; choose another target with --target`,
    );
  }
  const words = target.split("-");
  const of = ARCHITECTURES.find(({ bunTarget }) => words.includes(bunTarget.split("-")[2] ?? bunTarget));
  if (of !== undefined && target.startsWith("bun-linux-") && words.includes("musl")) return of;
  const targets = ARCHITECTURES.map(({ bunTarget }) => bunTarget).join(" or ");
  throw new LinkError(
    `--target=${target} cannot be linked statically: choose ${targets}, with -baseline or -modern after it ` +
      "if you like",
  );
}

/** Shows the current step, on a terminal only, and clears it afterwards. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

await command("bun-static", main);
