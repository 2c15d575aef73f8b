import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DYNAMIC } from "../../harness/artifacts.ts";
import { Clone } from "../../harness/clone.ts";
import { program, testNeeding } from "../../harness/privilege.ts";
import { ARCHITECTURES, hostArchitecture } from "../../src/arch/architectures.ts";

/**
 * Sends a signal to each command at random moments. It must end at once, with 128 plus the signal's number (or with its
 * own status, if it had just finished), and leave nothing running and no files.
 */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
/** One in each third of a command's run time. */
const MOMENTS = 3;
/** How long a command may take to end, ms, because it first ends what it began. */
const PATIENCE_MS = 30_000;
const other = ARCHITECTURES.find((architecture) => architecture !== hostArchitecture());

const FOLDER = mkdtempSync(join(tmpdir(), "pause-signals-"));
const HELLO = join(FOLDER, "hello.ts");
let clone: Clone;

type Case = { readonly words: readonly string[]; readonly seconds: number };

/** Each command by its source and words, and how many seconds of a longer one matter. */
const COMMANDS: Readonly<Record<string, Case>> = {
  build: { words: ["src/build/cli.ts"], seconds: 60 },
  verify: { words: ["src/ship/verify/cli.ts", "dist/pause"], seconds: 60 },
  release: { words: ["src/ship/release/cli.ts"], seconds: 20 },
  image: { words: ["src/ship/image/cli.ts"], seconds: 60 },
  explain: { words: ["src/explain/cli.ts"], seconds: 60 },
  start: { words: ["src/demo.ts"], seconds: 60 },
  "bun-static, of a source": { words: ["src/link/cli.ts", HELLO, "-o", "out"], seconds: 60 },
  "bun-static, of an executable": { words: ["src/link/cli.ts", "dist/pause-dynamic", "-o", "out"], seconds: 60 },
  "bun-static --check": { words: ["src/link/cli.ts", HELLO, "-o", "out", "--check"], seconds: 20 },
};

beforeAll(async () => {
  clone = Clone.create(join(FOLDER, "clone"));
  const { debian } = hostArchitecture();
  for (const name of ["pause", "pause-static", "pause-dynamic", "provenance.json"]) {
    mkdirSync(join(clone.dist, debian), { recursive: true });
    for (const folder of [clone.dist, join(clone.dist, debian)])
      copyFileSync(join(DYNAMIC.path, "..", name), join(folder, name));
  }
  await Bun.write(HELLO, "await Bun.sleep(60_000);\n");
}, 60_000);
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }), 60_000);

/** Everything in the clone, by path. The downloads are a link. */
const files = () =>
  readdirSync(clone.folder, { recursive: true, withFileTypes: true })
    .filter(({ name }) => name !== ".git" && name !== "out")
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => !path.includes("/.git/"))
    .toSorted();

/** The processes of the run with this temporary folder: by their environment or their file. */
const running = (temporary: string) =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => [`${temporary}`, FOLDER].some((mark) => belongs(pid, mark)))
    .map((pid) => textOf(`/proc/${pid}/cmdline`));

const belongs = (pid: string, mark: string) =>
  textOf(`/proc/${pid}/environ`).includes(mark) || fileOf(pid).startsWith(mark);

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function fileOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return "";
  }
}

/** Sends `signal` after `ms` milliseconds. Returns the outcome. */
async function interrupted(words: readonly string[], signal: keyof typeof SIGNALS, ms: number) {
  const temporary = mkdtempSync(join(FOLDER, "tmp-"));
  const before = files();
  const [source = "", ...args] = words;
  const child = Bun.spawn([...clone.command(source, args)], {
    cwd: clone.folder,
    env: { ...process.env, TMPDIR: temporary },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  await Promise.race([child.exited, Bun.sleep(ms)]);
  const done = child.exitCode !== null;
  const sent = performance.now();
  child.kill(signal);
  const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const status = await child.exited;
  clearTimeout(late);
  const took = performance.now() - sent;
  rmSync(join(clone.folder, "out"), { force: true });
  const left = [...files().filter((path) => !before.includes(path)), ...readdirSync(temporary)];
  const runs = running(temporary);
  const complaint = await child.stderr.text();
  return { status, done, left, runs, late: took >= PATIENCE_MS, complaint };
}

/** How long each command takes here and now without a signal, ms: on a busy machine, all take long. */
const lengths = new Map<Case, number>();

async function lengthOf(command: Case): Promise<number> {
  const known = lengths.get(command);
  if (known !== undefined) return known;
  const started = performance.now();
  await interrupted(command.words, "SIGTERM", command.seconds * 1000);
  const length = performance.now() - started;
  lengths.set(command, length);
  return length;
}

async function endsWith(signal: keyof typeof SIGNALS, command: Case): Promise<void> {
  const { words } = command;
  const length = await lengthOf(command);
  for (let count = 0; count < MOMENTS; count++) {
    const ms = Math.round((length * (count + Math.random())) / MOMENTS);
    const { status, done, complaint, ...rest } = await interrupted(words, signal, ms);
    const told = `${words.join(" ")}: ${signal} after ${ms} ms: ${complaint}`;
    expect(rest, told).toEqual({ left: [], runs: [], late: false });
    // Before its first line it has begun nothing: the signal kills it like any program.
    if (!done) expect([SIGNALS[signal], 0], told).toContain(status);
  }
}

describe("a signal ends a command, and everything that it started", () => {
  for (const [name, command] of Object.entries(COMMANDS))
    for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
      test(`${name}: ${signal}`, () => endsWith(signal, command), 5 * 60_000);

  if (other !== undefined)
    testNeeding(program(other.emulator.program))(
      "build in an emulated machine: each signal (takes a minute)",
      async () => {
        const emulated = { words: ["src/build/cli.ts", "--arch", other.debian], seconds: 30 };
        for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const) await endsWith(signal, emulated);
      },
      5 * 60_000,
    );
});
