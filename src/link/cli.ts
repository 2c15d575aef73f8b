#!/usr/bin/env bun
import { closeSync, openSync, readSync } from "node:fs";
import { basename, extname } from "node:path";
import { version } from "../../package.json";
import { ARCHITECTURES } from "../arch/architectures.ts";
import { looksExecutable } from "../elf/file.ts";
import { type Arguments, HELP, parseArguments } from "./arguments.ts";
import { bundlerHelp, compiled } from "./bundle.ts";
import { check } from "./check.ts";
import { reason } from "./file.ts";
import { ElfError, Interrupted, LinkError, link, type StaticExecutable } from "./index.ts";
import { needsOf } from "./runtime-version.ts";

/** Says what is wrong in one line and ends with 1, or as a signal ends a process; what is thrown besides is a bug and keeps its stack trace. */
async function main(words: readonly string[]): Promise<void> {
  try {
    await run(words);
  } catch (error) {
    const expected = error instanceof LinkError || error instanceof ElfError || error instanceof Interrupted;
    if (!expected) throw error;
    progress("");
    console.error(`bun-static: ${error.message}`);
    // What was interrupted may still be waited for: it would keep the process.
    if (error instanceof Interrupted) process.exit(error.exitCode);
    process.exitCode = 1;
  }
}

async function run(words: readonly string[]): Promise<void> {
  const args = parseArguments(words, bundlerHelp);
  if (args === "help") process.stdout.write(HELP);
  else if (args === "version") console.log(`bun-static ${version} (Bun ${Bun.version})`);
  else if (args.inputs.some(isExecutable)) await linkExecutable(args);
  else await compileAndLink(args);
}

async function linkExecutable(args: Arguments): Promise<void> {
  const [input = "", another] = args.inputs;
  if (another !== undefined)
    throw new LinkError(`${args.inputs.join(", ")}: one executable at a time; the output is named with -o`);
  const handedOn = args.bundler[0] ?? (args.target === undefined ? undefined : "--target");
  if (handedOn !== undefined)
    throw new LinkError(
      `${handedOn} is for compiling, and ${input} is compiled already; give its source, or leave the option out`,
    );
  await linkTo(args, input, args.outfile ?? `${input}-static`);
}

async function compileAndLink(args: Arguments): Promise<void> {
  const [entry = ""] = args.inputs;
  const nameless = args.inputs.find((input) => extname(input) === "");
  if (nameless !== undefined)
    throw new LinkError(
      `${nameless}: neither an executable (it is no ELF file) nor a source file, which has an extension like .ts or .js`,
    );
  const outfile = args.outfile ?? basename(entry, extname(entry));
  if (args.inputs.includes(outfile))
    throw new LinkError(`${outfile} is the source itself; name another output with -o`);
  if (args.target !== undefined) checkTarget(args.target);
  progress(`compiling ${entry} ...`);
  await compiled(args.inputs, outfile, args.target, args.bundler, (path) => linkTo(args, path, outfile));
}

async function linkTo(args: Arguments, input: string, outfile: string): Promise<void> {
  progress(`linking ${basename(input)} ...`);
  const executable = link(input, args);
  progress(`writing ${outfile} ...`);
  await executable.write(outfile);
  progress("");
  report(outfile, executable);
  if (args.check) console.log(`${outfile}: ${await check(outfile, executable.target)}`);
}

/** One line of result; what the reader should know besides goes to stderr. */
function report(outfile: string, { size, bun, bundled, target, libraries, addons }: StaticExecutable): void {
  const what = bundled ? "" : ", no program in it: the command bun itself";
  console.log(
    `${outfile}: ${size.toLocaleString("en-US")} bytes, ${target.replace("bun-", "")}, Bun ${bun ?? "of unknown version"}${what}; with ${libraries.join(", ")}`,
  );
  const needs = bun === undefined ? undefined : needsOf(bun);
  if (needs !== undefined) console.error(`bun-static: note: Bun ${bun}: ${needs}`);
  for (const { name, problem, risk } of addons) {
    if (problem !== undefined) console.error(`bun-static: warning: ${name} will not load: ${problem}`);
    if (risk !== undefined) console.error(`bun-static: warning: ${name} loads, and ${risk}`);
  }
}

/** Is it an executable, of Linux or of another system? @throws LinkError when it cannot be read. */
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
      `${path}: cannot be read (${reason(error)}); give a source file, or what bun build --compile wrote`,
    );
  }
}

/** Bun takes the words of a target in any order: bun-linux-x64-musl, bun-linux-x64-baseline-musl, bun-linux-x64-musl-v1.4.0. */
function checkTarget(target: string): void {
  const words = target.split("-");
  if (target.startsWith("bun-linux-") && words.includes("musl")) return;
  throw new LinkError(
    `--target=${target} cannot be linked statically: choose ${ARCHITECTURES.map(({ bunTarget }) => bunTarget).join(" or ")}, with -baseline or -modern behind it if you like`,
  );
}

/** What is being done, on a terminal alone, and gone again when it is done. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

await main(process.argv.slice(2));
