import { UserError } from "./error.ts";

/** JSON from outside has not the shape that was expected: what stands there, and what should. */
export class ShapeError extends UserError {
  override name = "ShapeError";
}

/** The value of `bytes`, which are UTF-8. @throws ShapeError when they are no JSON. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new ShapeError(`no JSON (${error instanceof Error ? error.message : error})`);
  }
}

/** The member `name` of an object; undefined where it has none. @throws ShapeError when `value` is no object. */
export const member = (value: unknown, name: string): unknown => record(value)[name];

/** @throws ShapeError, as the next two do. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw unlike(value, "an object");
  return { ...value };
}

export function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw unlike(value, "a list");
  return value;
}

export function text(value: unknown): string {
  if (typeof value !== "string") throw unlike(value, "a string");
  return value;
}

const unlike = (value: unknown, expected: string) =>
  new ShapeError(`${JSON.stringify(value)?.slice(0, 100) ?? "nothing"} where ${expected} is expected`);
