import { dirname } from "node:path";

/**
 * An error that the user can fix. The message says what was being done, to which file, what was found and what to do.
 * Every command prints it as one line and exits with a non-zero status. Any other error is a bug, with its stack trace.
 */
export class UserError extends Error {
  override name = "UserError";
}

/** What to do when the system refuses a write, by the names of errno(3). */
const REMEDIES: Readonly<Record<string, (place: string) => string>> = {
  ENOSPC: (place) => `make room in ${place}`,
  EDQUOT: (place) => `make room in ${place}`,
  EACCES: (place) => `make ${place} writable`,
  EPERM: (place) => `make ${place} writable`,
  EROFS: (place) => `make ${place} writable`,
};

/** Returns `error` if it is for the user, or a UserError if the system refused a write; otherwise undefined. */
export function asUserError(error: unknown): UserError | undefined {
  if (error instanceof UserError) return error;
  if (!(error instanceof Error && "code" in error)) return undefined;
  const place = "path" in error && typeof error.path === "string" ? dirname(error.path) : "its folder";
  const remedy = REMEDIES[String(error.code)]?.(place);
  return remedy === undefined ? undefined : new UserError(`${error.message}; ${remedy}`);
}
