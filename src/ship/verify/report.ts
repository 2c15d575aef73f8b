import { ElfFile, hex } from "../../elf/file.ts";
import { ORIGINS, type PauseMap } from "../../explain/map.ts";
import { sha256 } from "../../support/hash.ts";
import type { Comparison, FieldDifference, PageDifference } from "./compare.ts";
import { describeCheckout, type Evidence } from "./possible-causes.ts";
import type { Subject } from "./subject.ts";

/** The most fields and the most pages that a report names. */
const MOST = 8;

/** The one line about identical bytes. */
export function describeSame({ name, architecture, bytes }: Subject, { claims, checkout }: Evidence): string {
  const other = claims.find(({ commit }) => commit !== null && commit !== checkout.commit);
  const though = other === undefined ? "" : `; ${other.source} names ${other.commit}`;
  return (
    `${name}: the same bytes as a build of ${describeCheckout(checkout)} (${architecture.debian}, ` +
    `${count(bytes)}, SHA-256 ${sha256(bytes)})${though}`
  );
}

/** The first line about different bytes. */
export const describeOther = (
  { name, architecture, bytes }: Subject,
  built: Uint8Array,
  { checkout }: Evidence,
): string =>
  `${name}: differs from a build of ${describeCheckout(checkout)} (${architecture.debian}: SHA-256 ` +
  `is ${sha256(bytes)}, the rebuild's is ${sha256(built)})`;

/** Does it share nothing with the build? Then none of its pages is worth a line. */
export const isAnotherProgram = ({ shared }: Comparison): boolean => shared === 0;

export const ANOTHER_PROGRAM =
  "program: it shares no whole page with the rebuild, so it is another program, or part of one";

/** Differences in size and headers, a line each. */
export function describeHeaders(given: Uint8Array, built: Uint8Array, { fields }: Comparison): readonly string[] {
  const { segments } = new ElfFile("the rebuild", built);
  const place = ({ index }: FieldDifference) =>
    index === undefined
      ? "ELF header"
      : `program header ${index} (its segment is at ${hex(segments[index]?.vaddr ?? 0)})`;
  const size =
    given.length === built.length ? [] : [`size: ${count(given.length)}, and the rebuild has ${count(built.length)}`];
  return [
    ...size,
    ...capped(
      fields.map((each) => `${place(each)}: ${each.field} is ${each.given}, and in the rebuild ${each.built}`),
      "fields of the headers",
    ),
  ];
}

/** The pages that differ: how many, where the first byte is, and for the first few their origin, by the build's map. */
export function describePages(
  given: Uint8Array,
  built: Uint8Array,
  { differing, pages }: Comparison,
  map: PauseMap,
): readonly string[] {
  const lines = differing.map(
    (page) => `  page at offset ${hex(page.offset)}, ${originAt(page, map)}: ${bytesAt(given, built, page.first)}`,
  );
  return [
    `pages: ${differing.length} of ${pages} differ; the first byte that does: ` +
      `${bytesAt(given, built, differing[0]?.first ?? 0)}`,
    ...capped(lines, "pages", "  "),
  ];
}

/** The origin of a page's first different byte. */
function originAt({ first }: PageDifference, { parts }: PauseMap): string {
  const part = parts.find(({ offset, size }) => offset !== null && first >= offset && first < offset + size);
  if (part === undefined) return "where the rebuild has nothing";
  const from = ORIGINS[part.origin];
  if (part.address === null || part.offset === null) return from;
  const at = part.address + first - part.offset;
  const inside = part.functions.find(({ address, size }) => at >= address && at < address + size);
  return `address ${hex(at)}, ${part.protection}, ${from}${inside === undefined ? "" : ` (${inside.name})`}`;
}

const bytesAt = (given: Uint8Array, built: Uint8Array, at: number) =>
  `${valueAt(given, at)} at ${hex(at)}, and in the rebuild ${valueAt(built, at)}`;

function valueAt(bytes: Uint8Array, at: number): string {
  const value = bytes[at];
  return value === undefined ? "nothing" : hex(value);
}

const capped = (lines: readonly string[], what: string, indent = ""): readonly string[] =>
  lines.length > MOST ? [...lines.slice(0, MOST), `${indent}and ${lines.length - MOST} more ${what}`] : lines;

const count = (bytes: Uint8Array | number) =>
  `${(typeof bytes === "number" ? bytes : bytes.length).toLocaleString("en-US")} bytes`;
