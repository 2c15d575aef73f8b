import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { TEST_DIST } from "../../harness/compile.ts";
import { RUN } from "../../harness/run.ts";
import { X86_64 } from "../../src/arch/x86-64/architecture.ts";
import { fetchLibraries } from "../../src/build/debian/library-packages.ts";

export const CLI = join(import.meta.dir, "..", "..", "src", "link", "cli.ts");
const SOURCES = join(import.meta.dir, "programs");
const FOLDER = join(TEST_DIST, "programs-of-others");
const PATIENCE_MS = 120_000;

/** A program of programs/, and how to run it. */
export type Program = {
  readonly name: string;
  readonly shows: string;
  readonly input?: string;
  /** Its whole output, where the unlinked program cannot load its addon. */
  readonly prints?: string;
  /** The file of its workers. */
  readonly worker?: string;
};

export const PROGRAMS: readonly Program[] = [
  { name: "typescript", shows: "a compiler run" },
  { name: "prettier", shows: "parsers loaded when asked for" },
  { name: "express", shows: "a server under load" },
  { name: "fastify", shows: "code made at run time" },
  { name: "hono-tls", shows: "TLS, trusted and not" },
  { name: "drizzle", shows: "bun:sqlite, a file in /tmp" },
  { name: "websockets", shows: "200 websockets" },
  { name: "comlink", shows: "workers", worker: "comlink-worker.ts" },
  { name: "yoga", shows: "WebAssembly" },
  { name: "execa", shows: "a spawn of itself" },
  { name: "signal-exit", shows: "signals" },
  { name: "zod", shows: "an uncaught error" },
  { name: "repl", shows: "a prompt on stdin", input: "a = 3\nsqrt(a^2 + 16)\nnope(\n[1, 2] * 2\n" },
  { name: "react", shows: "a page as a stream" },
  { name: "jose", shows: "WebCrypto" },
  { name: "html", shows: "HTML routes, with a script and a style sheet" },
  { name: "grpc", shows: "a server of gRPC under load" },
  { name: "elysia", shows: "a server that makes its code at run time, under load" },
  { name: "koa", shows: "a server under load" },
  { name: "svelte", shows: "a compiler run, and its error" },
  { name: "ajv", shows: "validators made at run time" },
  { name: "socket-io", shows: "a server of 60 clients that call it, by WebSocket and by polling" },
  { name: "graphql", shows: "a GraphQL server under load, and a subscription" },
  { name: "proxy", shows: "a proxy to two servers, under load" },
  { name: "mqtt", shows: "a broker with 50 clients, 1000 acknowledged messages" },
  { name: "smtp", shows: "20 mails at once, each over a connection that becomes TLS" },
  { name: "ssh", shows: "keys, encryption and ten channels of a connection" },
  { name: "ioredis", shows: "a client's pipeline, and its second connection after the first is lost" },
  { name: "pglite", shows: "Postgres in WebAssembly, and an ORM" },
  { name: "mcp", shows: "a server over stdin and stdout, which is the program itself" },
  {
    name: "workers",
    shows: "four workers, with transferred and shared memory and a channel",
    worker: "workers-worker.ts",
  },
  { name: "git", shows: "a repository in /tmp: branches, a merge, a conflict" },
  { name: "ink", shows: "a terminal's screen, drawn without a terminal" },
  { name: "office", shows: "a workbook and a PDF, written and read again" },
  { name: "shiki", shows: "a highlighter with two engines, one in WebAssembly" },
  { name: "dom", shows: "a page whose script runs in a context of its own" },
  {
    name: "resvg",
    shows: "an addon that needs libgcc_s",
    prints:
      "1071 b90283ecedf9c981093ef30571b04a8dda5580e2fb1248a143716b1793cdc117\nError: SVG data parsing failed cause the document does not have a root node\n",
  },
  {
    name: "lightningcss",
    shows: "an addon that needs libgcc_s",
    prints: ".a{color:#ff000080}.a .b{top:0;bottom:0;left:0;right:0}\nSyntaxError: Unexpected end of input\n",
  },
  {
    name: "watcher",
    shows: "an addon that needs libstdc++",
    prints: '[ "create /new", "delete /old" ]\nError: Bad file descriptor\n',
  },
];

/** main.ts, which imports every program, and the files of their workers: the entry points of one executable. */
export const ENTRIES: readonly string[] = ["main.ts", ...PROGRAMS.flatMap(({ worker = [] }) => worker)];

export type Run = { readonly exitCode: number | null; readonly stdout: string; readonly stderr: string };

/** Installs the packages of the programs as in the lock file. Returns the folder with both. */
export function installPrograms(): string {
  mkdirSync(FOLDER, { recursive: true });
  cpSync(SOURCES, FOLDER, { recursive: true });
  succeed([process.execPath, "install", "--frozen-lockfile"], FOLDER);
  return FOLDER;
}

/** Runs bun-static with the command line `words` in `cwd`. @throws Error when it fails. */
export const bunStatic = (words: readonly string[], cwd: string): string =>
  succeed([process.execPath, CLI, ...words], cwd);

/** Runs a command to its end and returns its output. @throws Error when it fails. */
export function succeed(command: readonly string[], cwd: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd, stdin: "ignore" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}\n${stdout}${stderr}`);
  return stdout.toString();
}

/** Makes a root that holds `file` as /program, /tmp, and only the named devices. */
export function rootFor(name: string, file: string, devices: readonly ("null" | "urandom")[] = []): string {
  const root = join(TEST_DIST, "link-roots", name);
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, "tmp"), { recursive: true });
  try {
    linkSync(file, join(root, "program"));
  } catch {
    copyFileSync(file, join(root, "program"));
  }
  if (devices.length > 0) mkdirSync(join(root, "dev"));
  for (const device of devices)
    succeed(["mknod", "-m", "666", join(root, "dev", device), "c", "1", device === "null" ? "3" : "9"], root);
  return root;
}

/** `command` in a network of its own, which has only a loopback. */
export const onLoopback = (command: readonly string[]): readonly string[] => [
  ...["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"],
  ...command,
];

/** Runs /program alone in `root`, on a loopback. */
export function runAlone(
  root: string,
  args: readonly string[],
  input = "",
  env: Readonly<Record<string, string>> = {},
): Run {
  return run(onLoopback(["chroot", root, "/program", ...args]), input, { PATH: process.env.PATH ?? "", ...env });
}

export function run(
  command: readonly string[],
  input: string,
  env: Readonly<Record<string, string>>,
  cwd?: string,
): Run {
  const { exitCode, signalCode, stdout, stderr } = Bun.spawnSync([...command], {
    stdin: Buffer.from(input),
    env,
    timeout: PATIENCE_MS,
    ...(cwd === undefined ? {} : { cwd }),
  });
  return { exitCode: signalCode === undefined ? exitCode : null, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** The output of a Bun of `version` for programs/hello.ts and musl, made once for all tests. */
export function compiledBy(version: string): string {
  const folder = join(TEST_DIST, "bun-versions");
  const output = join(folder, `hello-${version}`);
  if (existsSync(output)) return output;
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(SOURCES, "hello.ts"), join(folder, "hello.ts"));
  succeed(
    [
      "npx",
      "-y",
      `bun@${version}`,
      "build",
      "--compile",
      `--target=${X86_64.bunTarget}`,
      "hello.ts",
      "--outfile",
      `${output}.part`,
    ],
    folder,
  );
  chmodSync(`${output}.part`, 0o755);
  renameSync(`${output}.part`, output);
  return output;
}

/** The folders with the libraries of a Debian release, as options of bun-static; by default this machine's. */
export async function librariesOf(suite: string | undefined): Promise<readonly string[]> {
  const folders = suite === undefined ? [] : await fetchLibraries(RUN, X86_64, join(TEST_DIST, "..", "debian"), suite);
  return folders.flatMap((folder) => ["--library-dir", folder]);
}

/** A C++ addon built with g++ for this machine's libstdc++, and a program that calls it. */
export function buildCxxAddon(): string {
  const folder = join(TEST_DIST, "cxx-addon");
  mkdirSync(folder, { recursive: true });
  const flags = ["-std=c++17", "-O1", "-shared", "-fPIC", "-nodefaultlibs", "-Wl,--unresolved-symbols=ignore-all"];
  succeed(
    ["g++", ...flags, "-o", "addon.node", join(import.meta.dir, "fixture", "addon.cc"), "-lstdc++", "-lgcc_s"],
    folder,
  );
  writeFileSync(join(folder, "main.ts"), 'console.log(require("./addon.node")());\n');
  return folder;
}
