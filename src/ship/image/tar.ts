import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ImageError } from "./error.ts";

/** A file of an archive: its path in there, what it holds, and the mode it gets. */
export type TarEntry = { readonly name: string; readonly bytes: Uint8Array; readonly mode: number };

/**
 * A tar archive (ustar) of these files in this order, owned by root and dated `timestamp` (seconds): the same bytes each
 * time. GNU tar writes it, as Bun.Archive has no modes and no dates. @throws ImageError with tar's words.
 */
export function tar(entries: readonly TarEntry[], timestamp: number): Uint8Array<ArrayBuffer> {
  const folder = mkdtempSync(join(tmpdir(), "pause-image-"));
  try {
    lay(folder, entries);
    return archive(folder, entries, timestamp);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** tar takes files as they are on disk. */
function lay(folder: string, entries: readonly TarEntry[]): void {
  try {
    for (const { name, bytes, mode } of entries) {
      const path = join(folder, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
      chmodSync(path, mode);
    }
  } catch (error) {
    throw new ImageError(
      `writing the archive's files to ${folder}: ${error instanceof Error ? error.message : error}; TMPDIR can name a folder with more room`,
    );
  }
}

function archive(folder: string, entries: readonly TarEntry[], timestamp: number): Uint8Array<ArrayBuffer> {
  const same = ["--format=ustar", `--mtime=@${timestamp}`, "--owner=0", "--group=0", "--numeric-owner"];
  const command = [
    "tar",
    "--create",
    ...same,
    "--directory",
    folder,
    "--file=-",
    "--",
    ...entries.map(({ name }) => name),
  ];
  const { success, stdout, stderr } = spawn(command);
  if (!success) throw new ImageError(`tar did not write the archive: ${stderr.toString().trim()}`);
  return new Uint8Array(stdout);
}

function spawn(command: string[]) {
  try {
    return Bun.spawnSync(command, { stdin: "ignore", stderr: "pipe", env: { ...process.env, LC_ALL: "C" } });
  } catch {
    throw new ImageError("no tar on this machine; on Debian: apt-get install tar");
  }
}
