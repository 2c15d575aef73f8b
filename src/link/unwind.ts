import * as elf from "../elf/constants.ts";
import { type ElfFile, viewOf } from "../elf/file.ts";
import { Chunk } from "./chunk.ts";
import { LinkError } from "./error.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";

/**
 * The section `.eh_frame_hdr` (LSB Core, "Exception Frames") maps a function's address to its unwinding information: a
 * header of 12 bytes, then sorted rows of 8: function and frame description, both relative to the header.
 */
type Table = {
  readonly at: number;
  readonly frames: number;
  readonly rows: readonly (readonly [code: number, description: number])[];
};

const HEADER_SIZE = 12;
const ROW_SIZE = 8;
const VERSION = 1;
/** DW_EH_PE_pcrel|sdata4, DW_EH_PE_udata4, DW_EH_PE_datarel|sdata4: what every linker writes. */
const ENCODINGS = [0x1b, 0x03, 0x3b] as const;

/** The tables of the program and the C++ libraries merged into one: an unwinder sees the program as one module. */
export class UnwindTable extends Chunk {
  readonly size: number;
  override readonly align = 4;
  private readonly tables: readonly Table[];

  constructor(program: Program, libraries: readonly Placed[]) {
    super();
    this.tables = [readTable(program.file, 0), ...libraries.map(({ file, base }) => readTable(file, base))].flatMap(
      (table) => table ?? [],
    );
    this.size = HEADER_SIZE + this.tables.reduce((rows, table) => rows + table.rows.length, 0) * ROW_SIZE;
  }

  write(bytes: Uint8Array): void {
    const at = this.address;
    // In ascending order, as each table's rows are and the files follow each other.
    const rows = this.tables.flatMap((table) =>
      table.rows.map(([code, description]) => [table.at + code, table.at + description] as const),
    );
    const view = viewOf(bytes);
    [VERSION, ...ENCODINGS].forEach((byte, index) => view.setUint8(index, byte));
    view.setInt32(4, (this.tables[0]?.frames ?? at) - (at + 4), true);
    view.setUint32(8, rows.length, true);
    rows.forEach(([code, description], index) => {
      view.setInt32(HEADER_SIZE + index * ROW_SIZE, code - at, true);
      view.setInt32(HEADER_SIZE + index * ROW_SIZE + 4, description - at, true);
    });
  }
}

/** @throws LinkError when the table is not sorted, or has an encoding that no linker of today writes. */
function readTable(file: ElfFile, base: number): Table | undefined {
  const [segment] = file.segmentsOf(elf.PT_GNU_EH_FRAME);
  if (segment === undefined || segment.filesz < HEADER_SIZE) return undefined;
  const view = new DataView(file.bytes.buffer, file.bytes.byteOffset + segment.offset, segment.filesz);
  const known =
    view.getUint8(0) === VERSION && ENCODINGS.every((encoding, index) => view.getUint8(1 + index) === encoding);
  const count = view.getUint32(8, true);
  if (!known || HEADER_SIZE + count * ROW_SIZE > segment.filesz) {
    throw new LinkError(
      `${file.name}: its table of unwinding information (PT_GNU_EH_FRAME) is not one this linker can read; ` +
        "link without addons: --no-addons",
    );
  }
  const rows = Array.from({ length: count }, (_, index) => {
    const at = HEADER_SIZE + index * ROW_SIZE;
    return [view.getInt32(at, true), view.getInt32(at + 4, true)] as const;
  });
  const at = base + segment.vaddr;
  const astray = rows.findIndex(
    ([code], index) => code < (rows[index - 1]?.[0] ?? code) || !file.executes(segment.vaddr + code),
  );
  if (astray >= 0)
    throw new LinkError(
      `${file.name}: row ${astray} of its table of unwinding information is out of order or names no code; ` +
        "the file is damaged",
    );
  return { at, frames: at + 4 + view.getInt32(4, true), rows };
}
