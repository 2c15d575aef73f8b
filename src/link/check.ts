import { copyFileSync, linkSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HOST } from "../arch/architectures.ts";
import { LinkError } from "./error.ts";

/** What runs so long is taken to have started. */
const PATIENCE_MS = 5000;

/**
 * Runs the executable `path` alone in an empty root, without arguments, environment or input: how that went, in words.
 * @throws LinkError when it does not start, with what it said, or when there is no way to try it here.
 */
export async function check(path: string, target: string): Promise<string> {
  if (target !== HOST?.bunTarget)
    throw new LinkError(`${path} is for ${target}, which this machine cannot run: check it there`);
  const root = mkdtempSync(join(tmpdir(), "bun-static-root-"));
  try {
    putInto(path, join(root, "program"));
    return await run(path, root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function run(path: string, root: string): Promise<string> {
  const child = Bun.spawn([...emptyRoot(root), "/program"], {
    env: {},
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const patience = Bun.sleep(PATIENCE_MS).then(() => "running" as const);
  const said = Promise.all([child.stdout.text(), child.stderr.text()]);
  const ended = await Promise.race([child.exited, patience]);
  if (ended === "running") {
    child.kill("SIGKILL");
    await child.exited;
    return `starts in an empty root, and was still running after ${PATIENCE_MS / 1000} s`;
  }
  const [stdout, stderr] = await said;
  const refused = [125, 126, 127].includes(ended) && /^(unshare|chroot|[/\w]*chroot|[/\w]*unshare): /m.test(stderr);
  if (refused)
    throw new LinkError(
      `${path} was not tried: no empty root can be made here (${stderr.trim().split("\n")[0]}); run --check as root`,
    );
  if (child.signalCode !== null)
    throw new LinkError(
      `${path} does not start in an empty root: ${child.signalCode}; it said: ${firstLine(`${stdout}${stderr}`)}`,
    );
  return `starts in an empty root, and ended with ${ended}`;
}

/** The words before a program that make `root` all it sees; without privilege in a user namespace of its own. */
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

const firstLine = (text: string) => text.split("\n").find((line) => /\w/.test(line)) ?? "nothing";
