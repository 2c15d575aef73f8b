import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { writeExecutable } from "../../src/link/file.ts";
import { LinkError, link } from "../../src/link/index.ts";
import { workshop } from "./fixture.ts";

// Compilers are slow on a busy machine.
setDefaultTimeout(60_000);

const shop = workshop("output");
shop.makeAll();
const folder = shop.path("there");
const there = (name: string) => join(folder, name);
const linked = (input: string | Uint8Array = shop.path("program")) => link(input, { libraryDirs: [shop.folder] });

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
});

/** The open files of this process. */
const openFiles = () =>
  readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)];
    } catch {
      return [];
    }
  });

describe("bytes given to link() stay as they are", () => {
  test.each([
    ["a Buffer", (bytes: Uint8Array) => Buffer.from(bytes)],
    ["a Buffer that shares its memory", (bytes: Uint8Array) => Buffer.from(new Uint8Array(bytes).buffer)],
    ["a Uint8Array", (bytes: Uint8Array) => new Uint8Array(bytes)],
    ["a part of a larger array", (bytes: Uint8Array) => new Uint8Array([1, 2, 3, ...bytes, 4]).subarray(3, -1)],
  ])("%s", (_, make) => {
    // Without zeroed data, nothing has to move, and the linker works on the program's own bytes.
    const plain = workshop("output-plain");
    plain.libgcc();
    plain.libstdcxx(plain.text("library.c", "int found(void) { return 1; }"));
    plain.program(plain.text("main.c", "int found(void); void _start(void) { found(); }"));
    const before = plain.read("program");
    const given = make(before);
    const { toBytes } = link(given, { libraryDirs: [plain.folder], addons: false });
    expect(Buffer.compare(given, before)).toBe(0);
    expect(toBytes().length).toBeGreaterThan(before.length);
  });
});

describe("where the output goes", () => {
  test("a symbolic link stays, and its target is made, through several links and folders", async () => {
    mkdirSync(there("deep"));
    symlinkSync("deep/second", there("first"));
    symlinkSync("../made", there("deep/second"));
    await linked().write(there("first"));
    expect(lstatSync(there("first")).isSymbolicLink()).toBe(true);
    expect(lstatSync(there("deep/second")).isSymbolicLink()).toBe(true);
    expect(lstatSync(there("made")).mode & 0o777).toBe(0o777 & ~process.umask());
    expect(readdirSync(folder).toSorted()).toEqual(["deep", "first", "made"]);
  });

  test("links in a circle are refused, and stay", async () => {
    symlinkSync("two", there("one"));
    symlinkSync("one", there("two"));
    await expect(linked().write(there("one"))).rejects.toThrow(/one: cannot be written \(ELOOP\)/);
    expect(readdirSync(folder).toSorted()).toEqual(["one", "two"]);
  });

  test("two writes to one file at once, and a name of the greatest length, work", async () => {
    const long = there("x".repeat(255));
    const executable = linked();
    await Promise.all([executable.write(long), executable.write(long), executable.write(long)]);
    expect(Buffer.compare(readFileSync(long), executable.toBytes())).toBe(0);
    expect(readdirSync(folder)).toHaveLength(1);
    writeExecutable(long, Buffer.from("other"));
    expect(readFileSync(long, "utf8")).toBe("other");
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("a write that fails closes what it opened", async () => {
    const before = openFiles();
    for (let round = 0; round < 5; round++) await expect(linked().write("/dev/full")).rejects.toThrow(LinkError);
    expect(openFiles()).toEqual(before);
    // Node.js aborts if a file handle is garbage-collected.
    Bun.gc(true);
    await Bun.sleep(10);
  });

  test("a signal while a pipe waits for its reader ends the wait, and the pipe is closed in the end", async () => {
    Bun.spawnSync(["mkfifo", there("pipe")]);
    const writing = linked().write(there("pipe"));
    await Bun.sleep(50);
    process.kill(process.pid, "SIGHUP");
    await expect(writing).rejects.toThrow("ended by SIGHUP");
    const reader = Bun.spawn(["cat", there("pipe")], { stdout: "pipe" });
    expect((await reader.stdout.bytes()).length).toBe(0);
    await Bun.sleep(50);
    expect(openFiles().filter((path) => path === there("pipe"))).toEqual([]);
    expect(existsSync(there("pipe"))).toBe(true);
  });

  test("a failed write leaves the old file, and nothing beside it", async () => {
    writeFileSync(there("old"), "old");
    const { exitCode, stderr } = Bun.spawnSync(
      ["sh", "-c", `ulimit -f 4; exec "$0" "$@"`, process.execPath, "-e", script(there("old"))],
      { env: { ...process.env, BUN_JSC_useJIT: "0" } },
    );
    expect([exitCode, stderr.toString()]).toEqual([1, expect.stringMatching(/old: cannot be written \(EFBIG\)/)]);
    expect(readFileSync(there("old"), "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["old"]);
  });
});

/** A program that links and writes, with its own limit on file sizes. */
const script = (output: string) => `
  process.on("SIGXFSZ", () => {});
  const { link } = await import(${JSON.stringify(join(import.meta.dir, "../../src/link/index.ts"))});
  const program = link(${JSON.stringify(shop.path("program"))}, { libraryDirs: [${JSON.stringify(shop.folder)}] });
  await program.write(${JSON.stringify(output)}).catch((error) => { console.error(error.message); process.exit(1); });`;
