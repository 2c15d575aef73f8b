import * as elf from "../elf/constants.ts";
import type { Dynamic } from "../elf/dynamic.ts";
import { type ElfFile, readU64, viewOf, writeU64 } from "../elf/file.ts";
import { Chunk } from "./chunk.ts";
import { LinkError } from "./error.ts";
import type { Placed } from "./layout.ts";
import type { Program } from "./program.ts";

/**
 * The constructors in a loader's order: each library's after those of the libraries it needs, and the program's last.
 */
export class Constructors extends Chunk {
  /** Counts every word, although some stand for no constructor. */
  readonly size: number;

  constructor(
    private readonly program: Program,
    private readonly cxx: readonly Placed[],
  ) {
    super();
    this.size = [...cxx, program].reduce((size, { dynamic: { tags } }) => size + 8 + arraySize(tags), 0);
  }

  write(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    this.functions().forEach((address, index) => writeU64(view, index * 8, address));
  }

  /** Their addresses, which are valid once the files are relocated. */
  functions(): number[] {
    const { dynamic, file } = this.program;
    const libraries = this.cxx.toReversed().flatMap(({ base, image, dynamic: { tags } }) => {
      const first = tags.get(elf.DT_INIT);
      const view = viewOf(image);
      return [
        ...(first === undefined ? [] : [base + first]),
        ...arrayWords(tags).map((address) => readU64(view, address)),
      ];
    });
    // 0 and -1 stand for no constructor.
    return [...libraries, ...arrayWords(dynamic.tags).map((address) => file.u64At(address))].filter(
      (address) => address !== 0 && address < 2 ** 63,
    );
  }
}

/** The addresses of the words of DT_INIT_ARRAY. */
const arrayWords = (tags: Dynamic["tags"]): number[] =>
  Array.from({ length: Math.floor(arraySize(tags) / 8) }, (_, index) => (tags.get(elf.DT_INIT_ARRAY) ?? 0) + index * 8);

const arraySize = (tags: Dynamic["tags"]) => tags.get(elf.DT_INIT_ARRAYSZ) ?? 0;

/** @throws LinkError for constructors, or a table of them, outside the file. */
export function checkConstructors(file: ElfFile, { tags }: Dynamic): void {
  const [first, array, size] = [tags.get(elf.DT_INIT), tags.get(elf.DT_INIT_ARRAY), arraySize(tags)];
  const astray = (first !== undefined && !file.executes(first)) || (size > 0 && !file.loads(array ?? -1, size));
  if (astray)
    throw new LinkError(
      `${file.name}: its constructors (DT_INIT, DT_INIT_ARRAY) are in no segment of it; the file is damaged`,
    );
}
