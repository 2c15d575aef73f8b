import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { UserError } from "./error.ts";

/** The largest executable of this checkout has 106 MB: dist/pause-static, which someone may give to a command. */
export const MOST_FILE_BYTES = 256 * 1024 * 1024;

/**
 * Reads the regular file at `path`, `most` bytes at most. Does not wait for a file without a known end, such as a pipe
 * or a device. `limit`: what the message calls the limit.
 * @throws UserError with the reason; what the system says.
 */
export function readRegular(path: string, most: number, limit: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) throw new UserError("it is not a regular file");
    if (status.size > most) throw new UserError(`it has ${status.size} bytes, more than ${limit} (${most})`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
