import { UserError } from "../../support/error.ts";

/** The image cannot be built or is not as it must be: one line for the reader, no stack trace. */
export class ImageError extends UserError {
  override name = "ImageError";
}
