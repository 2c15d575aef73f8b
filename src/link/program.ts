import type { Architecture } from "../arch/architecture.ts";
import { ARCHITECTURES, architectureOf } from "../arch/architectures.ts";
import * as elf from "../elf/constants.ts";
import { type Dynamic, readDynamic } from "../elf/dynamic.ts";
import { ElfFile, hex, readU64, type Segment, sectionTypes } from "../elf/file.ts";
import { writeSegments } from "../elf/write.ts";
import { LinkError } from "./error.ts";
import { type Moved, withoutLargePayload } from "./large.ts";
import { distanceOf } from "./layout.ts";
import { CXX_LIBRARIES } from "./libraries.ts";
import { findPayload, type Payload } from "./payload.ts";

/** The executable to link. `file` is changed in place. */
export type Program = {
  readonly architecture: Architecture;
  readonly file: ElfFile;
  readonly dynamic: Dynamic;
  readonly payload: Payload;
  /** A payload too large to stay in place. No segment of `file` contains it. */
  readonly moved: Moved | undefined;
};

/** A program has a few MiB in memory that are not in its file. Bytes. */
const MOST_MEMORY = 0x1000_0000;

/**
 * @throws LinkError or ElfError when `bytes` is not what `bun build --compile` writes for musl on one of the
 * architectures.
 */
export function readProgram(name: string, bytes: Uint8Array): Program {
  const input = new ElfFile(name, bytes);
  const architecture = architectureOf(input.machine);
  if (architecture === undefined) {
    throw new LinkError(
      `${name}: its e_machine is ${input.machine}, which is not ` +
        `${either(({ name, machine }) => `${name} (${machine})`)}; ` +
        `build it with ${either(({ bunTarget }) => `--target=${bunTarget}`)}`,
    );
  }
  const [interp] = input.segmentsOf(elf.PT_INTERP);
  if (interp === undefined)
    throw new LinkError(`${name}: ${withoutInterpreter(input)}; give the file bun build --compile wrote`);
  const interpreter = input.stringAt(interp.vaddr);
  if (!interpreter.endsWith(`/${architecture.muslLoader}`)) {
    throw new LinkError(
      `${name}: its interpreter is ${interpreter}, not musl's; build it with --target=${architecture.bunTarget}`,
    );
  }
  if (input.type !== elf.ET_EXEC) {
    throw new LinkError(
      `${name}: e_type is ${input.type}, not ET_EXEC: it has no fixed address; ` +
        "build it with the Bun version that this linker is made for",
    );
  }
  if (!input.executes(input.entry))
    throw new LinkError(`${name}: its entry ${hex(input.entry)} is in no segment with code; the file is damaged`);
  const found = findPayload(input);
  if (found.kind === "none" && !sectionTypes(input).includes(elf.SHT_SYMTAB))
    throw new LinkError(
      `${name}: it has no program, and it was stripped, which removes what Bun before 1.3.12 ` +
        "appended; compile it again, and do not strip it",
    );
  const full = withBss(input);
  const payload = full === input || found.kind !== "loaded" ? found : findPayload(full);
  const { file, moved } = withoutLargePayload(full, payload);
  const dynamic = readDynamic(file);
  const unknown = dynamic.needed.find((soname) => !isMusl(soname) && !CXX_LIBRARIES.some((known) => known === soname));
  if (unknown !== undefined) {
    throw new LinkError(
      `${name}: it needs ${unknown}; only musl, ${CXX_LIBRARIES.join(" and ")} can be linked into it`,
    );
  }
  // Unlinked, it would still find musl through libstdc++; linked, its own dynamic section is the only one musl sees.
  if (!dynamic.needed.some(isMusl))
    throw new LinkError(
      `${name}: it needs no C library (DT_NEEDED of libc), and every program needs one; it is damaged`,
    );
  return { architecture, file, dynamic, payload, moved };
}

/** Describes a file without an interpreter (PT_INTERP). */
function withoutInterpreter(file: ElfFile): string {
  if (file.type === elf.ET_REL) return "it is an object file, not an executable";
  if (file.type === elf.ET_CORE) return "it is a core dump, not an executable";
  if (packedByUpx(file)) return "UPX packed it; unpack it first (upx -d)";
  if (file.type === elf.ET_DYN && !positionIndependent(file))
    return "it is a shared library or an addon, not an executable";
  return "it names no interpreter (PT_INTERP): it is already linked statically";
}

/** UPX marks its own header, after the program headers. */
const packedByUpx = ({ bytes }: ElfFile) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 4096)).includes("UPX!");

function positionIndependent(file: ElfFile): boolean {
  if (file.segmentsOf(elf.PT_DYNAMIC).length === 0) return true;
  return ((readDynamic(file).tags.get(elf.DT_FLAGS_1) ?? 0) & elf.DF_1_PIE) !== 0;
}

/**
 * The file with all its bss as bytes, because COPY relocations put libraries' objects there. A segment that would then
 * overlap the next moves back in the file, to the same distance from its address as the first. Anything after the
 * segments (section headers, symbols for debuggers) is dropped. If nothing has to move, the bytes are the input's own.
 */
function withBss(file: ElfFile): ElfFile {
  const loads = file.segmentsOf(elf.PT_LOAD);
  if (loads.length === 0)
    throw new LinkError(`${file.name}: it has no segment to load (PT_LOAD); give the file bun build --compile wrote`);
  const distance = distanceOf(file);
  if (file.end - distance > file.bytes.length + MOST_MEMORY)
    throw new LinkError(
      `${file.name}: a segment of it ends at ${hex(file.end)}, far above the others; the file is damaged`,
    );
  if (loads.every(({ filesz, memsz }) => filesz === memsz)) return file;
  const moved = new Map<Segment, Segment>();
  let end = 0;
  for (const load of loads) {
    const offset = load.offset < end ? load.vaddr - distance : load.offset;
    moved.set(load, { ...load, offset, filesz: load.memsz });
    end = Math.max(end, offset + load.memsz);
  }
  const bytes = new Uint8Array(end);
  for (const [load, { offset }] of moved)
    bytes.set(file.bytes.subarray(load.offset, load.offset + load.filesz), offset);
  const view = new DataView(bytes.buffer);
  writeSegments(
    view,
    readU64(view, 32),
    file.segments.map((segment) => moved.get(segment) ?? inside(segment, moved)),
  );
  return new ElfFile(file.name, bytes);
}

/** A segment that describes part of a loaded one moves with it. */
function inside(segment: Segment, moved: ReadonlyMap<Segment, Segment>): Segment {
  for (const [load, { offset }] of moved) {
    const part = segment.offset >= load.offset && segment.offset + segment.filesz <= load.offset + load.filesz;
    if (part) return { ...segment, offset: segment.offset - load.offset + offset };
  }
  return segment;
}

/** musl's loader answers every name of the C library itself. */
const isMusl = (soname: string) => soname.startsWith("libc.");

const either = (say: (architecture: Architecture) => string) => ARCHITECTURES.map(say).join(" or ");
