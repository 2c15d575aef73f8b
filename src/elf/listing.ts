/**
 * Machine code as a listing. Each line holds the bytes in hexadecimal, two spaces or more, and the assembler text that
 * a disassembler (objdump, for x86-64 with -M intel) prints for them. A field `<name:SIZE>` among the bytes stands for
 * a value of SIZE bytes, little-endian, and `<name>` in the text for the same value in hexadecimal. Jump targets count
 * from the first byte. Data among the code has the text of its directive, `.quad <name>`.
 */
export type Listing = string;

/** Values for the fields of a listing, by name; a negative one becomes two's complement. */
export type Values = Readonly<Record<string, number | bigint>>;

/**
 * The bytes of `listing`.
 * @throws Error for a malformed line or a field without a value: both are bugs of the caller.
 */
export function assemble(listing: Listing, values: Values = {}): Uint8Array {
  return Uint8Array.from(lines(listing).flatMap(([bytes]) => bytes.split(" ").flatMap((item) => encode(item, values))));
}

/** The assembler text of `listing`, a line for each instruction, with the fields' values filled in. */
export function text(listing: Listing, values: Values = {}): string[] {
  return lines(listing).map(([, code]) =>
    code.replace(
      /<(\w+)>/g,
      (_, name: string) => `0x${BigInt.asUintN(64, BigInt(valueOf(name, values))).toString(16)}`,
    ),
  );
}

/** The names of the fields of `listing`. */
export const fieldsOf = (listing: Listing): string[] => [
  ...new Set(Array.from(listing.matchAll(/<(\w+):\d>/g), ([, name = ""]) => name)),
];

function lines(listing: Listing): [bytes: string, code: string][] {
  return listing
    .trim()
    .split("\n")
    .map((line) => {
      const [, bytes, code] = /^\s*(\S+(?: \S+)*)\s{2,}(\S.*?)\s*$/.exec(line) ?? [];
      if (bytes === undefined || code === undefined) throw new Error(`not a line of a listing: ${line}`);
      return [bytes, code];
    });
}

function encode(item: string, values: Values): number[] {
  const field = /^<(\w+):(\d)>$/.exec(item);
  if (field === null) return [Number.parseInt(item, 16)];
  const value = BigInt(valueOf(field[1] ?? "", values));
  return Array.from({ length: Number(field[2]) }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn));
}

function valueOf(name: string, values: Values): number | bigint {
  const value = values[name];
  if (value === undefined) throw new Error(`the listing's field <${name}> has no value`);
  return value;
}
