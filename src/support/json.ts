import { UserError } from "./error.ts";

/** JSON from outside does not have the expected shape. The message says what was found and what was expected. */
export class ShapeError extends UserError {
  override name = "ShapeError";
}

/** Limits of a document: its size in bytes, and how deeply its values nest. */
export const MOST_JSON_BYTES = 1024 * 1024;
const MOST_JSON_DEPTH = 32;

/**
 * Parses `bytes`, which are UTF-8. Refuses everything that another reader may take differently: an object that has a
 * name twice (some readers take the first, some the last) or in two spellings (Go's encoding/json ignores case), a byte
 * order mark, text that is not Unicode, a number with a fraction or an exponent.
 * @throws ShapeError when `bytes` are not JSON, not as plain as that, or above the limits.
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > MOST_JSON_BYTES)
    throw new ShapeError(`JSON of ${bytes.length} bytes, more than MOST_JSON_BYTES (${MOST_JSON_BYTES})`);
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    checkPlain(text);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof ShapeError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ShapeError(`invalid JSON (${reason.replace(/[^ -~]/g, "?")})`);
  }
}

/** Checks for what JSON.parse accepts silently. It need not notice text that is not JSON at all. */
function checkPlain(text: string): void {
  /** The names of each open object; a list has none. */
  const open: Set<string>[] = [];
  let last = "";
  for (const [token] of text.matchAll(TOKENS)) {
    const [first] = token;
    if (first === "{" || first === "[") open.push(new Set());
    else if (first === "}" || first === "]") open.pop();
    else if (first === ":") checkName(open.at(-1), last);
    else if (first !== '"') checkNumber(token);
    else if (token.includes("\\u") && !String(JSON.parse(token)).isWellFormed())
      throw new ShapeError(`JSON with a string that is not Unicode (${token.slice(0, 100)})`);
    if (open.length > MOST_JSON_DEPTH)
      throw new ShapeError(`JSON nested more deeply than MOST_JSON_DEPTH (${MOST_JSON_DEPTH})`);
    last = token;
  }
}

/** Brackets, colons, strings (an unterminated one runs to the end of the text), and what begins like a number. */
const TOKENS = /[{}[\]:]|"[^"\\]*(?:\\[\s\S][^"\\]*)*"?|[-+.\w]+/g;

function checkName(names: Set<string> | undefined, token: string): void {
  const name = foldCase(String(JSON.parse(token)));
  if (names?.has(name)) throw new ShapeError(`JSON with one name twice in an object (${token.slice(0, 100)})`);
  names?.add(name);
}

function checkNumber(token: string): void {
  if (/^-?\d/.test(token) && !/^(?:0|-?[1-9]\d*)$/.test(token))
    throw new ShapeError(`JSON with a number that is not a plain integer (${token.slice(0, 100)})`);
}

/** Folds what Go's encoding/json takes as equal: upper and lower case, and U+017F and U+212A, which fold to s and k. */
const foldCase = (name: string): string => name.toUpperCase().toLowerCase();

/** Returns the member `name` of an object, or undefined. @throws ShapeError when `value` is not an object. */
export const member = (value: unknown, name: string): unknown => record(value)[name];

/** @throws ShapeError, like the functions below. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unlike(value, "an object");
  return { ...value };
}

/** An object with no members but these. */
export function recordOf<Name extends string>(value: unknown, names: readonly Name[]): { [key in Name]?: unknown } {
  const found = record(value);
  const other = Object.keys(found).find((name) => !names.some((known) => known === name));
  if (other !== undefined) throw new ShapeError(`${JSON.stringify(other)} in an object that has ${names.join(", ")}`);
  return Object.fromEntries(names.map((name) => [name, found[name]])) as { [key in Name]?: unknown };
}

export function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw unlike(value, "a list");
  return value;
}

export function text(value: unknown): string {
  if (typeof value !== "string") throw unlike(value, "a string");
  return value;
}

/** A count of bytes or of anything else. */
export function count(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw unlike(value, "a whole number");
  return value;
}

/** Texts by name. */
export const texts = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(record(value)).map(([name, each]) => [name, text(each)]));

const unlike = (value: unknown, expected: string) =>
  new ShapeError(`${JSON.stringify(value)?.slice(0, 100) ?? "nothing"} where ${expected} is expected`);
