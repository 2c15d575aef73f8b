import { dirname } from "node:path";

/**
 * An error that the user can fix. The message says what was being done, to which file, what was found and what to do.
 * Every command prints it as one line and exits with a non-zero status. Any other error is a bug, with its stack trace.
 */
export class UserError extends Error {
  override name = "UserError";
}

/** What to do when the system refuses to write to `path` in `folder`, by the names of errno(3). */
const REMEDIES: Readonly<Record<string, (folder: string, path: string) => string>> = {
  ENOSPC: (folder) => `make room in ${folder}`,
  EDQUOT: (folder) => `make room in ${folder}`,
  EACCES: (folder) => `make ${folder} writable`,
  EPERM: (folder) => `make ${folder} writable`,
  EROFS: (folder) => `make ${folder} writable`,
  EEXIST: inTheWay,
  EISDIR: inTheWay,
  ELOOP: inTheWay,
  ENOTDIR: inTheWay,
  ENOTEMPTY: inTheWay,
};

function inTheWay(folder: string, path: string): string {
  return `a file, a folder or a link is in the way: see ls -ld ${folder} ${path}, and move it`;
}

/** Returns `error` if it is for the user, or a UserError if the system refused a write; otherwise undefined. */
export function asUserError(error: unknown): UserError | undefined {
  if (error instanceof UserError) return error;
  if (!(error instanceof Error && "code" in error)) return undefined;
  // An error of rename(2) has the new name in dest.
  const place = text(error, "dest") ?? text(error, "path");
  // mkdir(2) of a whole path finds nothing only behind a link that leads nowhere.
  const dangling = error.code === "ENOENT" && text(error, "syscall") === "mkdir";
  const remedy = dangling ? inTheWay : REMEDIES[String(error.code)];
  if (remedy === undefined) return undefined;
  const advice = place === undefined ? remedy("its folder", "its path") : remedy(dirname(place), place);
  return new UserError(`${error.message}; ${advice}`);
}

function text(error: object, name: string): string | undefined {
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : undefined;
}
