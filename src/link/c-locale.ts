import { viewOf, writeU64 } from "../elf/file.ts";
import { Chunk } from "./chunk.ts";

/**
 * glibc's `struct __locale_struct` (bits/types/__locale_t.h) for the locale "C". A libstdc++ built for glibc reads the
 * character tables out of what newlocale returned; musl's shorter locale object has none. musl's own functions accept
 * it too: they read its first six words, and 0 means "C" to them.
 */
const CATEGORIES = 13;
const STRUCT_SIZE = (CATEGORIES * 2 + 3) * 8;

/** Each table has entries for -128 to 255; the pointer to it leads to the entry for 0. */
const LOWEST = -128;
const ENTRIES = 384;

/** The bits of glibc's ctype.h on a little-endian machine. */
const BITS: readonly (readonly [bit: number, is: (code: number) => boolean])[] = [
  [0x0100, (code) => /[A-Z]/.test(character(code))], // upper
  [0x0200, (code) => /[a-z]/.test(character(code))], // lower
  [0x0400, (code) => /[A-Za-z]/.test(character(code))], // alpha
  [0x0800, (code) => /[0-9]/.test(character(code))], // digit
  [0x1000, (code) => /[0-9A-Fa-f]/.test(character(code))], // xdigit
  [0x2000, (code) => /[\t\n\v\f\r ]/.test(character(code))], // space
  [0x4000, (code) => code >= 0x20 && code < 0x7f], // print
  [0x8000, (code) => code > 0x20 && code < 0x7f], // graph
  [0x0001, (code) => /[\t ]/.test(character(code))], // blank
  [0x0002, (code) => (code >= 0 && code < 0x20) || code === 0x7f], // cntrl
  [0x0004, (code) => code > 0x20 && code < 0x7f && !/[0-9A-Za-z]/.test(character(code))], // punct
  [0x0008, (code) => /[0-9A-Za-z]/.test(character(code))], // alnum
];

const WIDTHS = { classes: 2, lower: 4, upper: 4 };
const SIZE = STRUCT_SIZE + ENTRIES * (WIDTHS.classes + WIDTHS.lower + WIDTHS.upper) + 8;

/** The structure, followed by the tables and the name that it points to. */
export class CLocale extends Chunk {
  readonly size = SIZE;

  write(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    const lower = STRUCT_SIZE;
    const upper = lower + ENTRIES * WIDTHS.lower;
    const classes = upper + ENTRIES * WIDTHS.upper;
    const name = classes + ENTRIES * WIDTHS.classes;
    for (let index = 0; index < ENTRIES; index++) {
      const code = index + LOWEST;
      view.setInt32(lower + index * WIDTHS.lower, /[A-Z]/.test(character(code)) ? code + 32 : same(code), true);
      view.setInt32(upper + index * WIDTHS.upper, /[a-z]/.test(character(code)) ? code - 32 : same(code), true);
      view.setUint16(
        classes + index * WIDTHS.classes,
        BITS.reduce((bits, [bit, is]) => (is(code) ? bits | bit : bits), 0),
        true,
      );
    }
    view.setUint8(name, "C".charCodeAt(0));
    const at = this.address;
    writeU64(view, CATEGORIES * 8, at + classes - LOWEST * WIDTHS.classes);
    writeU64(view, CATEGORIES * 8 + 8, at + lower - LOWEST * WIDTHS.lower);
    writeU64(view, CATEGORIES * 8 + 16, at + upper - LOWEST * WIDTHS.upper);
    for (let category = 0; category < CATEGORIES; category++)
      writeU64(view, (CATEGORIES + 3 + category) * 8, at + name);
  }
}

/** Maps a code to itself: a negative char is its byte, -1 is EOF. */
const same = (code: number) => (code < -1 ? code + 256 : code);

/** The ASCII character; none for a code that is not ASCII. */
const character = (code: number) => (code >= 0 && code < 0x80 ? String.fromCharCode(code) : "");
