import { ElfError } from "./file.ts";

const MAGIC = "!<arch>\n";
/** Bytes of a member's header: the name at 0, the size in decimal digits from 48 to 58, and two end bytes. */
const HEADER_SIZE = 60;
const HEADER_END = "`\n";

/** An archive of object files in GNU's format (ar(5)), with its index of which member defines a symbol. */
export class Archive {
  /** The offset of each symbol's member. */
  private readonly members: ReadonlyMap<string, number>;

  /** @throws ElfError when `bytes` is not an archive with a symbol table, or is cut short. */
  constructor(
    readonly name: string,
    private readonly bytes: Buffer,
  ) {
    if (bytes.toString("latin1", 0, MAGIC.length) !== MAGIC)
      throw new ElfError(`${name}: not an archive of object files (it does not begin with !<arch>)`);
    this.members = this.readSymbolTable();
  }

  /** The object file that defines `symbol`; undefined if none does. */
  defining(symbol: string): Buffer | undefined {
    const at = this.members.get(symbol);
    return at === undefined ? undefined : this.member(at).contents;
  }

  /** Reads the first member, "/": a count and as many big-endian 4-byte offsets, then NUL-terminated names. */
  private readSymbolTable(): ReadonlyMap<string, number> {
    const { name, contents } = this.member(MAGIC.length);
    if (name !== "/") throw new ElfError(`${this.name}: its first member is ${name}, not a symbol table; run ranlib`);
    const count = contents.length < 4 ? 0 : contents.readUInt32BE(0);
    if (4 + count * 4 > contents.length)
      throw new ElfError(`${this.name}: a table of ${count} symbols does not fit in ${contents.length} bytes`);
    const names = contents.toString("latin1", 4 + count * 4).split("\0");
    if (names.length <= count)
      throw new ElfError(`${this.name}: its symbol table has ${count} offsets and fewer names`);
    const members = new Map<string, number>();
    for (let index = 0; index < count; index++) {
      const symbol = names[index] ?? "";
      // Linkers also take the first member that defines it.
      if (!members.has(symbol)) members.set(symbol, contents.readUInt32BE(4 + index * 4));
    }
    return members;
  }

  private member(at: number): { readonly name: string; readonly contents: Buffer } {
    const header = this.bytes.toString("latin1", at, at + HEADER_SIZE);
    const size = header.slice(48, 58).trimEnd();
    if (header.length !== HEADER_SIZE || header.slice(58) !== HEADER_END || !/^\d+$/.test(size))
      throw new ElfError(`${this.name}: no header of a member at ${at}; the file is damaged`);
    const end = at + HEADER_SIZE + Number(size);
    if (end > this.bytes.length) throw new ElfError(`${this.name}: cut short: the member at ${at} ends at ${end}`);
    return { name: header.slice(0, 16).trimEnd(), contents: this.bytes.subarray(at + HEADER_SIZE, end) };
  }
}
