import type { Architecture } from "../../arch/architecture.ts";
import { PINNED_BUN, pinnedLibraries, pinnedRuntime } from "../../build/pin/pin.ts";

/** Another project's work that /pause is made with, as NOTICE and the bill of materials name it. */
export type Component = {
  readonly name: string;
  readonly version: string;
  readonly supplier: string;
  /** An SPDX expression, for the sources as a whole. */
  readonly license: string;
  /** A package URL (purl specification). */
  readonly purl: string;
  /** The file that the build reads, if it has a pin of its own. */
  readonly file?: { readonly name: string; readonly sha256: string };
  /** A sentence about the part of the work that /pause contains. */
  readonly part: string;
  /** The parts of /pause that contain the work, in the words of docs/map.md. None if only the build needs it. */
  readonly parts: readonly string[];
};

/** Parts that belong to this repository alone, or whose contents do. */
export const OWN_PARTS: readonly string[] = [
  "ELF header, program headers",
  "stub",
  "data: the stack, and what the template fills",
  "names of the sections, section headers",
];

/** Returns the works that /pause is made with for one architecture, in the order of NOTICE. */
export function components(architecture: Architecture): readonly Component[] {
  const { bunPackage, muslLoader } = architecture;
  return [
    {
      ...{ name: "Bun", version: PINNED_BUN, supplier: "Oven", license: "MIT" },
      purl: `pkg:npm/%40oven/${bunPackage}@${PINNED_BUN}`,
      file: { name: "bun", sha256: pinnedRuntime(architecture).sha256 },
      part: "The call stubs that bun:ffi compiled; the machine code of its executable is not in the file.",
      parts: ["bun:ffi's call stubs"],
    },
    {
      ...{
        name: "JavaScriptCore",
        version: commitOf("webkit"),
        supplier: "Oven and the WebKit project",
        license: "LGPL-2.0-or-later AND BSD-2-Clause AND BSD-3-Clause",
      },
      purl: `pkg:github/oven-sh/webkit@${commitOf("webkit")}`,
      part:
        "What its baseline compiler made of the TypeScript, and data of its virtual machine; " +
        "its own machine code is not in the file.",
      parts: ["compiled from TypeScript", "template of the data"],
    },
    {
      ...{ name: "mimalloc", version: commitOf("mimalloc"), supplier: "Oven and Microsoft", license: "MIT" },
      purl: `pkg:github/oven-sh/mimalloc@${commitOf("mimalloc")}`,
      part: "Nothing: it allocated the memory that data was copied from.",
      parts: [],
    },
    {
      ...{
        name: "TinyCC",
        version: commitOf("tinycc"),
        supplier: "Oven and the TinyCC project",
        license: "LGPL-2.0-or-later",
      },
      purl: `pkg:github/oven-sh/tinycc@${commitOf("tinycc")}`,
      part: "Nothing: it compiled the call stubs of bun:ffi from Bun's C.",
      parts: [],
    },
    {
      ...library(architecture, "musl-dev", "libc.a"),
      ...{ supplier: "the musl project", license: "MIT" },
      part: "The machine code of the functions that run after the wait, and a thread's control block.",
      parts: ["musl's functions, from libc.a", "template of the data"],
    },
    {
      ...library(architecture, "musl", muslLoader),
      ...{ supplier: "the musl project", license: "MIT" },
      part: "Nothing: the program it is a snapshot of was linked with it.",
      parts: [],
    },
    {
      ...library(architecture, "libstdc++6", "libstdc++.so.6"),
      ...{ supplier: "the GCC project", license: "GPL-3.0-or-later WITH GCC-exception-3.1" },
      part: "Nothing: the program it is a snapshot of was linked with it.",
      parts: [],
    },
    {
      ...library(architecture, "libgcc-s1", "libgcc_s.so.1"),
      ...{ supplier: "the GCC project", license: "GPL-3.0-or-later WITH GCC-exception-3.1" },
      part: "Nothing: the program it is a snapshot of was linked with it.",
      parts: [],
    },
  ];
}

/** A library from Debian, by its package and the linked file. */
function library(architecture: Architecture, name: string, file: string) {
  const { packages, sha256 } = pinnedLibraries(architecture);
  const [, version = unpinned(name)] = packages.find((each) => each.startsWith(`${name} `))?.split(" ") ?? [];
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture.debian}`;
  return { name, version, purl, file: { name: file, sha256: sha256[file] ?? unpinned(file) } };
}

/**
 * The commit of a component that this Bun, which is the pinned one, reports to have been built with.
 * @throws Error when it reports none: a bug.
 */
function commitOf(part: string): string {
  return process.versions[part] ?? unpinned(part);
}

function unpinned(what: string): never {
  throw new Error(`the version of ${what} is not known`);
}
