import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { type ElfFile, hex } from "../elf/file.ts";
import { PAGE_SIZE, pageDown } from "../elf/pages.ts";
import type { Placed } from "../link/layout.ts";
import type { Page } from "../snapshot/memory.ts";
import { layoutBehind, type MemoryLayout } from "../snapshot/memory-layout.ts";
import { UserError } from "../support/error.ts";
import type { MappedPage, Origin } from "./map.ts";
import { functionsOf, type Named, nameAt } from "./placed-libraries.ts";
import type { TracedRun } from "./trace.ts";

/** A page of the shipped file that a kernel with pages of 4096 bytes maps. */
export type LoadedPage = Page & { readonly offset: number };

export function loadedPages(file: ElfFile): readonly LoadedPage[] {
  return file.segmentsOf(elf.PT_LOAD).flatMap(({ vaddr, offset, filesz, flags }) =>
    Array.from({ length: filesz / PAGE_SIZE }, (_, index) => {
      const at = offset + index * PAGE_SIZE;
      return { address: vaddr + index * PAGE_SIZE, offset: at, flags, bytes: file.bytes.subarray(at, at + PAGE_SIZE) };
    }),
  );
}

/** What a page's origin is told by: the linked program, where its libraries lie, and what was seen in the runs. */
export type Evidence = {
  readonly architecture: Architecture;
  readonly linked: ElfFile;
  readonly libraries: readonly Placed[];
  readonly runs: readonly TracedRun[];
};

/** Tells of addresses in the pages of one file where they come from. */
export class OriginFinder {
  readonly functions: readonly Named[];
  private readonly musl: Placed | undefined;
  private readonly layout: MemoryLayout;
  private readonly loaded: ReadonlyMap<number, LoadedPage>;
  /** Pages that hold what the program hands to the kernel, that have the thread pointer, and those that code of musl's is entered from. */
  private readonly buffers: ReadonlySet<number>;
  private readonly threads: ReadonlySet<number>;
  private readonly callers: ReadonlySet<number>;

  /** @throws UserError when the file does not lie where it would behind this linked program. */
  constructor(
    readonly file: ElfFile,
    private readonly evidence: Evidence,
  ) {
    const { architecture, linked, libraries, runs } = evidence;
    this.musl = libraries.find(({ soname }) => soname === architecture.muslLoader);
    this.functions = libraries.flatMap(functionsOf).toSorted((one, other) => one.address - other.address);
    this.layout = layoutBehind(linked.end);
    this.loaded = new Map(loadedPages(file).map((page) => [page.address, page]));
    if (pageDown(file.entry, PAGE_SIZE) !== this.layout.firstPage) {
      throw new UserError(
        `${file.name}: its first page is at ${hex(pageDown(file.entry, PAGE_SIZE))}, and a snapshot of ${linked.name} has it at ${hex(this.layout.firstPage)}; they are of two builds, build again`,
      );
    }
    const woken = runs.flatMap(({ calls }) => calls.filter((call) => this.isMusl(call.behind)));
    this.buffers = new Set(woken.flatMap(({ args }) => args.map((arg) => pageDown(arg, PAGE_SIZE))));
    this.threads = new Set(runs.map(({ threadPointer }) => pageDown(threadPointer, PAGE_SIZE)));
    this.callers = new Set(
      runs.flatMap(({ leaving }) =>
        leaving
          .filter(([from, to]) => !this.isMusl(from) && this.isMusl(to))
          .map(([from]) => pageDown(from, PAGE_SIZE)),
      ),
    );
  }

  /** The function that an instruction lies in, or where else it is from. */
  by(address: number): string {
    return this.isMusl(address) ? (nameAt(this.functions, address) ?? "musl") : this.originOf(address);
  }

  /** @throws UserError for a page that nothing tells of: it has to be looked at before anything is said. */
  originOf(address: number): Origin {
    const page = pageDown(address, PAGE_SIZE);
    const { flags } = this.loaded.get(page) ?? { flags: 0 };
    const executable = (flags & elf.PF_X) !== 0;
    const { firstPage, stack, mappings } = this.layout;
    if (page === firstPage) return "stub";
    if (this.isMusl(page)) return executable ? "musl" : "musl-data";
    if (page < this.evidence.linked.end && !executable) return "runtime-data";
    if (executable && page >= mappings.start && page < mappings.end)
      return this.callers.has(page) ? "call-stubs" : "typescript";
    if (page >= stack.base && page < stack.base + stack.size) return "stack";
    if (this.threads.has(page)) return "thread-local";
    if (page >= mappings.start && !executable)
      return this.buffers.has(page) && page < mappings.end ? "c-memory" : "heap";
    throw new UserError(
      `${this.file.name}: nothing tells where its page at ${hex(page)} comes from; the snapshot has changed, and src/explain/origins.ts has to learn of it`,
    );
  }

  pages(): readonly MappedPage[] {
    const { runs } = this.evidence;
    const loaded = [...this.loaded.values()];
    const filled = Array.from({ length: this.file.bytes.length / PAGE_SIZE }, (_, index) => index * PAGE_SIZE).filter(
      (offset) => !loaded.some((page) => page.offset === offset),
    );
    const executed = new Set(runs.flatMap(({ instructions }) => instructions.map(([address]) => address)));
    const mapped = loaded.map(({ address, offset, flags, bytes }): MappedPage => {
      const origin = this.originOf(address);
      return {
        ...{ address, offset, protection: letters(flags), origin },
        ...(origin === "musl" &&
          this.musl !== undefined && {
            library: {
              name: this.musl.soname,
              offset: address - this.musl.base,
              same: this.isLibrarys(this.musl, address, bytes),
            },
          }),
        functions: origin === "musl" ? this.functionsIn(address, executed) : [],
        scenarios: runs.flatMap(({ touched }, index) => (touched.includes(address) ? [index] : [])),
      };
    });
    const filling = filled.map(
      (offset): MappedPage => ({
        address: null,
        offset,
        protection: "---",
        origin: "filling",
        functions: [],
        scenarios: [],
      }),
    );
    return [...mapped, ...filling].toSorted((one, other) => one.offset - other.offset);
  }

  private functionsIn(page: number, executed: ReadonlySet<number>) {
    return this.functions
      .filter(({ address, size }) => address < page + PAGE_SIZE && address + size > page)
      .map((each) => ({
        ...each,
        runs: [...executed].some(
          (address) =>
            address >= each.address && address < each.address + each.size && pageDown(address, PAGE_SIZE) === page,
        ),
      }));
  }

  private isMusl(address: number): boolean {
    return this.musl !== undefined && address >= this.musl.base && address < this.musl.base + this.musl.image.length;
  }

  private isLibrarys({ image, base }: Placed, address: number, bytes: Uint8Array): boolean {
    return Buffer.from(image.subarray(address - base, address - base + PAGE_SIZE)).equals(bytes);
  }
}

const letters = (flags: number) =>
  [flags & elf.PF_R ? "r" : "-", flags & elf.PF_W ? "w" : "-", flags & elf.PF_X ? "x" : "-"].join("");
