import { expect } from "bun:test";
import fc from "fast-check";
import { parseJson } from "../../src/support/json.ts";
import { damaged, lineOr, property } from "./property.ts";

const values = fc.jsonValue({ maxDepth: 4 }).map((value) => Buffer.from(JSON.stringify(value)));
const pieces = fc
  .array(
    fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      '"a"',
      '"A"',
      '"\\u0061"',
      "\\",
      "1",
      "-0",
      "1e9",
      "true",
      "null",
      " ",
      "\n",
      "\ufeff",
      '"\\ud800"',
    ),
    { maxLength: 24 },
  )
  .map((pieces) => Buffer.from(pieces.join("")));
const inputs = fc.oneof(
  values,
  values.chain((bytes) => damaged(bytes)),
  pieces,
  fc.uint8Array({ maxLength: 40 }),
);

property("json", inputs, (input) => {
  const value = lineOr(() => ({ parsed: parseJson(input) }));
  if (typeof value === "string") return;
  expect(value.parsed).toEqual(JSON.parse(Buffer.from(input).toString()));
});
