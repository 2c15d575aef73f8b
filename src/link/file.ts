import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { LinkError } from "./error.ts";

/** Reads `path` whole. @throws LinkError when it cannot be read. */
export function readInput(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new LinkError(`${path}: cannot be read (${reason(error)}); give the file bun build --compile wrote`);
  }
}

/** Writes an executable in one step: whoever looks at `path` finds the old file or the whole new one. @throws LinkError. */
export function writeExecutable(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, bytes);
    chmodSync(temporary, 0o755);
    renameSync(temporary, path);
  } catch (error) {
    if (existsSync(temporary)) unlinkSync(temporary);
    throw new LinkError(`${path}: cannot be written (${reason(error)}); choose an output in a folder you can write to`);
  }
}

const reason = (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error));
