import type { Architecture } from "../arch/architecture.ts";
import { ARCHITECTURES, architectureOf } from "../arch/architectures.ts";
import { type Dynamic, readDynamic } from "../elf/dynamic.ts";
import * as elf from "../elf/constants.ts";
import { ElfFile, readU64 } from "../elf/file.ts";
import { writeSegments } from "../elf/write.ts";
import { LinkError } from "./error.ts";
import { CXX_LIBRARIES } from "./libraries.ts";

/** The executable to link. `file` is a copy: it is changed in place. */
export type Program = { readonly architecture: Architecture; readonly file: ElfFile; readonly dynamic: Dynamic };

/** @throws LinkError or ElfError when `bytes` is not what `bun build --compile` gives for musl on one of the architectures. */
export function readProgram(name: string, bytes: Uint8Array): Program {
  const input = new ElfFile(name, bytes);
  const architecture = architectureOf(input.machine);
  if (architecture === undefined) {
    throw new LinkError(`${name}: its e_machine is ${input.machine}, which is not ${either(({ name, machine }) => `${name} (${machine})`)}; build it with ${either(({ bunTarget }) => `--target=${bunTarget}`)}`);
  }
  const file = withBss(input);
  const [interp] = file.segmentsOf(elf.PT_INTERP);
  if (interp === undefined) {
    throw new LinkError(`${name}: it names no interpreter (PT_INTERP): it is linked statically already; give the file bun build --compile wrote`);
  }
  const interpreter = file.stringAt(interp.vaddr);
  if (!interpreter.endsWith(`/${architecture.muslLoader}`)) {
    throw new LinkError(`${name}: its interpreter is ${interpreter}, not musl's; build it with --target=${architecture.bunTarget}`);
  }
  if (file.type !== elf.ET_EXEC) {
    throw new LinkError(`${name}: e_type is ${file.type}, not ET_EXEC: it has no fixed address; build it with the Bun version this linker is made for`);
  }
  const dynamic = readDynamic(file);
  const unknown = dynamic.needed.find((soname) => !isMusl(soname) && !CXX_LIBRARIES.some((known) => known === soname));
  if (unknown !== undefined) {
    throw new LinkError(`${name}: it needs ${unknown}; only musl, ${CXX_LIBRARIES.join(" and ")} can be linked into it`);
  }
  return { architecture, file, dynamic };
}

/**
 * A copy of the file in which the last segment holds its bss as bytes: COPY relocations put libraries' objects there. What
 * lay behind it in the file (section headers, symbols for debuggers) is left out.
 */
function withBss(file: ElfFile): ElfFile {
  const last = file.segmentsOf(elf.PT_LOAD).at(-1);
  if (last === undefined) throw new LinkError(`${file.name}: it has no segment to load (PT_LOAD); give the file bun build --compile wrote`);
  const bytes = new Uint8Array(last.offset + last.memsz);
  bytes.set(file.bytes.subarray(0, last.offset + last.filesz));
  const grown = file.segments.map((segment) => (segment === last ? { ...segment, filesz: segment.memsz } : segment));
  const view = new DataView(bytes.buffer);
  writeSegments(view, readU64(view, 32), grown);
  return new ElfFile(file.name, bytes);
}

/** musl's loader answers every name of the C library itself. */
const isMusl = (soname: string) => soname.startsWith("libc.");

const either = (say: (architecture: Architecture) => string) => ARCHITECTURES.map(say).join(" or ");
