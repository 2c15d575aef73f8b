import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { UserError } from "./error.ts";

/**
 * The bytes of the regular file at `path`, `most` at most: what has no end that is known, as a pipe or a device, is not
 * waited for. `limit`: as the message names it. @throws UserError with the
 * reason; what the system says.
 */
export function readRegular(path: string, most: number, limit: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) throw new UserError("it is no regular file");
    if (status.size > most) throw new UserError(`it has ${status.size} bytes, more than ${limit} (${most})`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
