import { copyFileSync, linkSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { HOST } from "../arch/architectures.ts";
import type { Ending, Scope } from "../support/scope.ts";
import { LinkError } from "./error.ts";
import type { StaticExecutable } from "./index.ts";

/** A program that has run this long counts as started, s. */
const SECONDS = 2;
/** A container runtime's default environment. */
const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/" };
/** The most lines of output to show, characters of a line, and bytes to keep of each stream. */
const MOST_LINES = 20;
const LONGEST_LINE = 200;
const MOST_BYTES = 0x1_0000;
/** The start of Bun's help, which Bun prints when it finds no program in itself. */
const BUNS_HELP = /^Bun is a fast JavaScript runtime, package manager, bundler, and test runner\..*\n\s*Usage: bun /;

/**
 * Runs the executable `path` alone in an empty root, without arguments or input. The root has /tmp if there are addons,
 * which are unpacked there. Returns how the run went, and its output.
 * @throws LinkError when it did not run or did not end well, or cannot be tried here.
 */
export async function check(run: Scope, path: string, executable: StaticExecutable): Promise<string> {
  const { target, bundled, addons } = executable;
  if (target !== HOST?.bunTarget)
    throw new LinkError(`${path} is for ${target}, which this machine cannot run: check it on such a machine`);
  if (!statSync(path).isFile()) throw new LinkError(`${path} is not a file, so --check cannot run it: name a file`);
  await using own = run.nested();
  const root = own.folder("bun-static-root-");
  putInto(realpathSync(path), join(root, "program"));
  if (addons.length > 0) mkdirSync(join(root, "tmp"));
  const place = addons.length > 0 ? "in a root with /tmp alone" : "in an empty root";
  const limits = { seconds: SECONDS, most: MOST_BYTES };
  const { ended } = own.spawn([...emptyRoot(root), "/program"], { env: ENVIRONMENT, ...limits });
  return said(path, place, await ended, bundled);
}

function said(path: string, place: string, ending: Ending, bundled: boolean): string {
  const { status, signal, late, stdout, stderr } = ending;
  const all = printed(ending);
  // Either command says so in one line of its own, before anything else runs.
  const refused =
    stdout === "" && [125, 126, 127].includes(status) && /^[/\w]*(chroot|unshare): .*\n$/.exec(stderr)?.[0];
  if (refused)
    throw new LinkError(
      `${path} was not tried: cannot make an empty root here (${refused.trim()}); run --check as root, with ` +
        "TMPDIR on a file system that is not mounted with noexec",
    );
  if (bundled && BUNS_HELP.test(Bun.stripANSI(stdout)))
    throw new LinkError(
      `${path} did not run its program ${place}: Bun before 1.3.11 finds it only through /proc; ${all}`,
    );
  if (late) return `starts ${place}, and still ran after ${SECONDS} s; ${all}`;
  if (signal !== null) throw new LinkError(`${path} was ended by ${signal} ${place}; ${all}`);
  if (status !== 0) throw new LinkError(`${path} ended with ${status} ${place}, without arguments; ${all}`);
  return `starts ${place}, and ended with 0; ${all}`;
}

/** The first lines that it printed, without what a terminal would obey. */
function printed({ stdout, stderr }: Ending): string {
  const lines = Bun.stripANSI(`${stdout}\n${stderr}`)
    .split(/[\r\n]+/)
    .map((line) => line.replace(/\p{Cc}/gu, " ").trimEnd())
    .filter((line) => line !== "");
  if (lines.length === 0) return "it printed nothing";
  const shown = lines.slice(0, MOST_LINES).map((line) => `\n  ${shortened(line)}`);
  const cut = [stdout, stderr].some((text) => Buffer.byteLength(text) >= MOST_BYTES);
  const rest = lines.length - shown.length;
  return `it printed:${shown.join("")}${cut ? "\n  and more" : rest > 0 ? `\n  and ${rest} more lines` : ""}`;
}

const shortened = (line: string) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}...` : line);

/** The command prefix that confines a program to `root`; without privilege, in a user namespace of its own. */
function emptyRoot(root: string): string[] {
  const chroot = found("chroot");
  return process.getuid?.() === 0 ? [chroot, root] : [found("unshare"), "--user", "--map-root-user", chroot, root];
}

function found(tool: string): string {
  const path = Bun.which(tool, { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` });
  if (path === null) throw new LinkError(`--check needs the command ${tool}, which is not on the PATH`);
  return path;
}

function putInto(path: string, place: string): void {
  try {
    linkSync(path, place);
  } catch {
    copyFileSync(path, place);
  }
}
