import type { Architecture } from "../arch/architecture.ts";
import * as elf from "../elf/constants.ts";
import { type ElfFile, hex } from "../elf/file.ts";
import { PAGE_SIZE, pageDown } from "../elf/pages.ts";
import type { Members } from "../link/members.ts";
import { UserError } from "../support/error.ts";
import type { MappedFunction, MappedPage, MappedPart, Origin } from "./map.ts";
import { type FirstPage, firstPageOf } from "./packed.ts";
import type { TracedRun } from "./trace.ts";

/** The evidence for origins: the archive's functions, and observations from the runs. */
export type Evidence = {
  readonly architecture: Architecture;
  readonly members: Members;
  readonly runs: readonly TracedRun[];
};

/** Finds the origin of addresses in one file. */
export class OriginFinder {
  private readonly first: FirstPage;
  /** Pages that call functions of the C library. */
  private readonly callers: ReadonlySet<number>;

  /** @throws UserError when the archive's functions are not in the file. */
  constructor(
    readonly file: ElfFile,
    private readonly evidence: Evidence,
  ) {
    this.first = firstPageOf(evidence.architecture, file, evidence.members);
    this.callers = new Set(
      evidence.runs.flatMap(({ leaving }) =>
        leaving
          .filter(([from, to]) => !this.isMusl(from) && this.isMusl(to))
          .map(([from]) => pageDown(from, PAGE_SIZE)),
      ),
    );
  }

  /** The function that contains an instruction, or its origin. */
  by(address: number): string {
    const name = this.first.functions.find(
      (each) => address >= each.address && address < each.address + each.size,
    )?.name;
    return name ?? this.originOf(address);
  }

  /** @throws UserError for memory that the file does not load. */
  originOf(address: number): Origin {
    const { start, stub, functionsAt, functionsEnd } = this.first;
    if (!this.file.loads(address, 1))
      throw new UserError(`${this.file.name}: it has nothing at ${hex(address)}; the snapshot has changed`);
    if (!this.file.executes(address)) return "data";
    if (address >= this.codeStart) return this.callers.has(pageDown(address, PAGE_SIZE)) ? "call-stubs" : "typescript";
    if (address < start) return "headers";
    if (address < stub) return "headers";
    if (address < functionsAt) return "stub";
    return address < functionsEnd ? "musl" : "template";
  }

  /** The parts of the file in order, then those that are only in memory. */
  parts(): readonly MappedPart[] {
    const { start, stub, functionsAt, functionsEnd } = this.first;
    const code = this.file.segmentsOf(elf.PT_LOAD).find(({ flags }) => flags & elf.PF_X);
    if (code === undefined) throw new UserError(`${this.file.name}: it loads no code`);
    const starts = [start, stub, functionsAt, functionsEnd];
    for (let page = this.codeStart; page < code.vaddr + code.filesz; page += PAGE_SIZE)
      if (page === this.codeStart || this.originOf(page) !== this.originOf(page - 1)) starts.push(page);
    const loaded = starts.map((address, index): MappedPart => {
      const end = starts[index + 1] ?? code.vaddr + code.filesz;
      const origin = this.originOf(address);
      return {
        ...{ address, offset: code.offset + address - code.vaddr, size: end - address, protection: "r-x", origin },
        functions: origin === "musl" ? this.functions() : [],
      };
    });
    const behind = code.offset + code.filesz;
    const rest = { address: null, offset: behind, size: this.file.bytes.length - behind, protection: "---" };
    const blank = this.file
      .segmentsOf(elf.PT_LOAD)
      .filter(({ filesz }) => filesz === 0)
      .map(
        ({ vaddr, memsz, flags }): MappedPart => ({
          ...{ address: vaddr, offset: null, size: memsz, protection: letters(flags), origin: "data", functions: [] },
        }),
      );
    return [...loaded, { ...rest, origin: "sections", functions: [] }, ...blank];
  }

  pages(): readonly MappedPage[] {
    const { runs } = this.evidence;
    return this.file.segmentsOf(elf.PT_LOAD).flatMap(({ vaddr, memsz, flags }) =>
      Array.from({ length: Math.ceil(memsz / PAGE_SIZE) }, (_, index) => {
        const address = vaddr + index * PAGE_SIZE;
        const scenarios = runs.flatMap(({ touched }, run) => (touched.includes(address) ? [run] : []));
        return { address, protection: letters(flags), scenarios };
      }),
    );
  }

  /** The start of the compiled pages: after the first page and its continuation. */
  private get codeStart(): number {
    const { functionsEnd } = this.first;
    return pageDown(functionsEnd, PAGE_SIZE) + PAGE_SIZE;
  }

  private functions(): readonly MappedFunction[] {
    const executed = this.evidence.runs.flatMap(({ instructions }) => instructions.map(([address]) => address));
    return this.first.functions.map((each) => ({
      ...each,
      runs: executed.some((address) => address >= each.address && address < each.address + each.size),
    }));
  }

  private isMusl(address: number): boolean {
    return address >= this.first.functionsAt && address < this.first.functionsEnd;
  }
}

const letters = (flags: number) =>
  [flags & elf.PF_R ? "r" : "-", flags & elf.PF_W ? "w" : "-", flags & elf.PF_X ? "x" : "-"].join("");
