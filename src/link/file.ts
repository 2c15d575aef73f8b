import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Interrupted } from "../support/interrupted.ts";
import { LinkError } from "./error.ts";
import type { Output } from "./output.ts";
import { watchSignals } from "./signals.ts";

/** Reads the whole file `path`. @throws LinkError when it cannot be read. */
export function readInput(path: string): Uint8Array {
  try {
    return statOf(path)?.isFile() === true ? readPieces(path) : readFileSync(path);
  } catch (error) {
    throw new LinkError(
      `${path}: cannot be read (${reason(error)}); give a file that bun build --compile wrote, or a source file`,
    );
  }
}

/** Node.js reads no more than 2 GiB at once. */
const PIECE = 1024 * 1024 * 1024;

function readPieces(path: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const bytes = new Uint8Array(fstatSync(file).size);
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(file, bytes, done, Math.min(PIECE, bytes.length - done), done);
      // It became shorter meanwhile.
      if (read === 0) return bytes.subarray(0, done);
      done += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

/** Bytes per write. Signals take effect between writes. */
const CHUNK = 4 * 1024 * 1024;

/** The mode of a new executable, before the kernel applies the umask. */
const EXECUTABLE = 0o777;

/**
 * Writes an executable in one step: at any time, `path` is the old file or the whole new one, and a signal or an error
 * leaves the old one. Writes directly to anything but a regular file (a device, a pipe). A symbolic link stays, and its
 * target is replaced or created.
 * @throws LinkError with what could not be done; Interrupted on SIGINT, SIGTERM or SIGHUP.
 */
export async function writeOutput(path: string, output: Output): Promise<void> {
  try {
    const there = statOf(path);
    if (there?.isDirectory() === true)
      throw new LinkError(`${path}: cannot be written, because it is a folder; name a file in it`);
    if (there !== undefined && !there.isFile()) await writeInto(path, "w", output);
    else await replace(leadsTo(path), output);
  } catch (error) {
    if (error instanceof LinkError || error instanceof Interrupted) throw error;
    throw unwritable(path, error, output.size);
  }
}

/**
 * Does the same for what ships, executable by everybody, in one go: a signal takes effect after the write.
 * @throws LinkError.
 */
export function writeExecutable(path: string, bytes: Uint8Array): void {
  const temporary = temporaryFor(path);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, bytes, { flag: "wx" });
    chmodSync(temporary, 0o755);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw unwritable(path, error, bytes.length);
  }
}

/** In the same folder, so that a rename works; with a fresh and short name, however long the output's. */
const temporaryFor = (path: string) => join(dirname(path), `.part-${randomBytes(8).toString("hex")}.tmp`);

/** Where a file written at `path` ends up: follows a symbolic link to its end, whether or not a file exists there. */
function leadsTo(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return path;
  return leadsTo(resolve(realpathSync(dirname(path)), readlinkSync(path)));
}

const unwritable = (path: string, error: unknown, size: number) =>
  new LinkError(`${path}: cannot be written (${reason(error)}); ${advice(error, size)}`);

async function replace(path: string, output: Output): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporaryFor(path);
  try {
    await writeInto(temporary, "wx", output);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

async function writeInto(path: string, flags: "w" | "wx", output: Output): Promise<void> {
  const { interrupted, came, stop } = watchSignals();
  const writing = open(path, flags, EXECUTABLE).then((file) =>
    writeParts(file, output, came).finally(() => file.close()),
  );
  try {
    // Opening and writing a pipe blocks until somebody reads; a signal ends that wait. A new file takes only a moment.
    await (flags === "wx" ? writing : Promise.race([writing, interrupted]));
    const signal = came();
    if (signal !== undefined) throw new Interrupted(signal);
  } finally {
    // The abandoned write still closes its file when it finishes.
    writing.catch(() => {});
    stop();
  }
}

/** Writes one piece after the other, so that a pipe gets them in order, until `unwanted` stops it. */
async function writeParts(file: FileHandle, { parts }: Output, unwanted: () => unknown): Promise<void> {
  let end = 0;
  for (const { offset, bytes } of parts) {
    await writeAll(file, new Uint8Array(offset - end), unwanted);
    await writeAll(file, bytes, unwanted);
    end = offset + bytes.length;
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, unwanted: () => unknown): Promise<void> {
  for (let done = 0; done < bytes.length && unwanted() === undefined; ) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(CHUNK, bytes.length - done));
    done += bytesWritten;
  }
}

/** Do both paths lead to one existing file, by whatever names and links? */
export function isSameFile(one: string, other: string): boolean {
  const [first, second] = [statOf(one), statOf(other)];
  return first !== undefined && first.dev === second?.dev && first.ino === second.ino;
}

function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** What to do about the error. `size` in bytes. */
function advice(error: unknown, size: number): string {
  const code = reason(error);
  if (code === "ENOSPC" || code === "EDQUOT")
    return (
      `there is no room for its ${size.toLocaleString("en-US")} bytes: make room, or choose an output on ` +
      "another file system"
    );
  if (code === "EFBIG") return `a limit (ulimit -f) is below its ${size.toLocaleString("en-US")} bytes`;
  return "choose an output in a folder you can write to";
}

export const reason = (error: unknown) =>
  error instanceof Error && "code" in error ? String(error.code) : String(error);
