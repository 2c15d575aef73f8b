import { UserError } from "./error.ts";

/** JSON from outside has not the shape that was expected: what stands there, and what should. */
export class ShapeError extends UserError {
  override name = "ShapeError";
}

/** A document has so many bytes and so many values within each other at most. */
export const MOST_JSON_BYTES = 1024 * 1024;
const MOST_JSON_DEPTH = 32;

/**
 * The value of `bytes`, which are UTF-8. Refused is what another reader takes otherwise: an object with one name twice
 * (some take the first, some the last) or in two spellings (Go's encoding/json heeds no case), a byte order mark, text
 * that is no Unicode, a number with a fraction or an exponent.
 * @throws ShapeError when they are no JSON, or not as plain as that, or above the limits.
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
    throw new ShapeError(`no JSON (${reason.replace(/[^ -~]/g, "?")})`);
  }
}

/** Looks at what JSON.parse takes without a word. Of a text that is no JSON it may say nothing. */
function checkPlain(text: string): void {
  /** The names of each object that is open; a list has none. */
  const open: Set<string>[] = [];
  let last = "";
  for (const [token] of text.matchAll(TOKENS)) {
    const [first] = token;
    if (first === "{" || first === "[") open.push(new Set());
    else if (first === "}" || first === "]") open.pop();
    else if (first === ":") checkName(open.at(-1), last);
    else if (first !== '"') checkNumber(token);
    else if (token.includes("\\u") && !String(JSON.parse(token)).isWellFormed())
      throw new ShapeError(`JSON with a string that is no Unicode (${token.slice(0, 100)})`);
    if (open.length > MOST_JSON_DEPTH)
      throw new ShapeError(`JSON with more values within each other than MOST_JSON_DEPTH (${MOST_JSON_DEPTH})`);
    last = token;
  }
}

/** Brackets, colons, strings (one that does not end goes to the end of the text), and what begins as a number. */
const TOKENS = /[{}[\]:]|"[^"\\]*(?:\\[\s\S][^"\\]*)*"?|[-+.\w]+/g;

function checkName(names: Set<string> | undefined, token: string): void {
  const name = foldCase(String(JSON.parse(token)));
  if (names?.has(name)) throw new ShapeError(`JSON with one name twice in an object (${token.slice(0, 100)})`);
  names?.add(name);
}

function checkNumber(token: string): void {
  if (/^-?\d/.test(token) && !/^(?:0|-?[1-9]\d*)$/.test(token))
    throw new ShapeError(`JSON with a number that is no plain integer (${token.slice(0, 100)})`);
}

/** What is the same to Go's encoding/json: upper and lower case, and U+017F and U+212A, which fold to s and k. */
const foldCase = (name: string): string => name.toUpperCase().toLowerCase();

/** The member `name` of an object; undefined where it has none. @throws ShapeError when `value` is no object. */
export const member = (value: unknown, name: string): unknown => record(value)[name];

/** @throws ShapeError, as the next ones do. */
export function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw unlike(value, "an object");
  return { ...value };
}

/** An object that has no members but these. */
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

/** A number of bytes, or of anything else that is counted. */
export function count(value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw unlike(value, "a whole number");
  return value;
}

/** Texts by their names. */
export const texts = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(record(value)).map(([name, each]) => [name, text(each)]));

const unlike = (value: unknown, expected: string) =>
  new ShapeError(`${JSON.stringify(value)?.slice(0, 100) ?? "nothing"} where ${expected} is expected`);
