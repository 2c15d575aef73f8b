/**
 * Something that the user can mend: the message says what was being done, to which file, what was found and what to do.
 * Every command prints it as one line and exits with a status that is not 0. Any other error is a bug, with its stack trace.
 */
export class UserError extends Error {
  override name = "UserError";
}
